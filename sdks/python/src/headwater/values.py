"""Messages as JSON, and what of Python can be in one.

Invariants: what JSON cannot say as it is (NaN, bytes, a set, a key that is no text, half of a surrogate pair, a cycle,
an integer of more than 64 bits) is an ``invalid_value``, never something else in silence; integers stay integers.
Not here: which documents a peer takes.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping

from .errors import HeadwaterError

#: How deep a message may be: deeper than any document may.
DEPTH_MAX = 120

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**64 - 1

_INFINITY = float("inf")


def encode(request: Mapping[str, Any]) -> bytes:
    """A request as a message."""
    plain = _plain_fields(request, "the top", 0)
    try:
        return _ENCODER.encode(plain).encode("utf-8")
    except UnicodeEncodeError:
        raise _invalid("text with half of a surrogate pair is no Unicode") from None


def decode(message: bytes) -> Dict[str, Any]:
    """An answer or an event."""
    decoded: Dict[str, Any] = json.loads(message)
    return decoded


_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))


def _plain(value: Any, key: Any, depth: int) -> Any:
    """The value as dicts, lists, texts and numbers, looked at as a whole."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        if not INTEGER_MIN <= value <= INTEGER_MAX:
            raise _invalid(f"{value:#x} at {key!r} has more than 64 bits")
        return value
    if kind is float:
        if not -_INFINITY < value < _INFINITY:
            raise _invalid(f"{value} at {key!r} is no number of JSON")
        return value
    if depth > DEPTH_MAX:
        raise _invalid("it is too deep, or holds itself")
    if kind is dict:
        return _plain_fields(value, key, depth)
    if kind is list or kind is tuple:
        return [_plain(it, key, depth + 1) for it in value]
    return _plain_other(value, key, depth)


def _plain_fields(fields: Mapping[Any, Any], key: Any, depth: int) -> Dict[str, Any]:
    for name in fields:
        if not isinstance(name, str):
            raise _invalid(f"the key {name!r} at {key!r} is no text")
    return {name: _plain(it, name, depth + 1) for name, it in fields.items()}


def _plain_other(value: Any, key: Any, depth: int) -> Any:
    """What is no builtin itself: a subclass of one, a mapping, or what says what it is in JSON."""
    to_json = getattr(value, "to_json", None)
    if callable(to_json):
        return _plain(to_json(), key, depth + 1)
    for builtin in (str, int, float, list, tuple):
        if isinstance(value, builtin):
            return _plain(list(value) if builtin is tuple else builtin(value), key, depth)
    if isinstance(value, Mapping):
        return _plain_fields(value, key, depth)
    raise _invalid(f"a {type(value).__name__} stands at {key!r}")


def _invalid(why: str) -> HeadwaterError:
    return HeadwaterError("invalid_value", f"cannot take the value: {why}")
