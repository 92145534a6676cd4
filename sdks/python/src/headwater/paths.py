"""Paths to places in documents, as text: ``a.b``, ``a['b-c']``, ``a[0]``.

Not here: what a path means (docs/reference/query-language.md, "Fields").
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, List, Union

_STEP = re.compile(r"""\[(\d+)\]|\['((?:\\.|[^'\\])*)'\]|\["((?:\\.|[^"\\])*)"\]|([^.\[\]]+)""", re.DOTALL)


def join(path: str, step: Union[str, int]) -> str:
    """The path of a field of what stands at ``path``, which is empty for the document."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    if step and not any(_is_special(it) for it in step):
        return f"{path}.{step}" if path else step
    escaped = step.replace("\\", "\\\\").replace("'", "\\'")
    return f"{path}['{escaped}']"


def _is_special(letter: str) -> bool:
    return letter in ".[]'\"`" or letter.isspace() or unicodedata.category(letter) == "Cc"


def steps(path: str) -> List[Union[str, int]]:
    """The steps of a path. Nothing is said of faults in it: the library finds them."""
    found: List[Union[str, int]] = []
    for index, single, double, bare in _STEP.findall(path):
        found.append(int(index) if index else bare or re.sub(r"\\(.)", r"\1", single or double, flags=re.DOTALL))
    return found


def look_up(value: Any, path: str) -> Any:
    """What stands at a path in a value; None if nothing does."""
    for step in steps(path):
        is_there = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if not is_there and not (isinstance(value, dict) and step in value):
            return None
        value = value[step]
    return value
