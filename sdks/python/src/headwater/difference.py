"""What is different between two results of one query.

Invariants: documents are told apart by their ids; places of deletions are in the older result, all others in the newer
one; ``1``, ``1.0`` and ``True`` are different values.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

Document = Dict[str, Any]


@dataclass(frozen=True)
class LocalEvent:
    """What is different from the result before."""

    #: Whether this is the first result: everything is new then, and nothing is named below.
    is_initial: bool
    old_documents: List[Document] = field(default_factory=list)
    #: Places of new documents in this result.
    insertions: List[int] = field(default_factory=list)
    #: Places of documents in the result before that are not in this one.
    deletions: List[int] = field(default_factory=list)
    #: Places of documents in this result that were in the one before, and are others now.
    updates: List[int] = field(default_factory=list)
    #: From and to where documents moved.
    moves: List[Tuple[int, int]] = field(default_factory=list)


def difference(before: Optional[List[Document]], documents: List[Document]) -> LocalEvent:
    """What is different in ``documents``; ``before`` is None at first."""
    if before is None:
        return LocalEvent(is_initial=True)
    event = LocalEvent(is_initial=False, old_documents=before)
    old, now = _places(before), _places(documents)
    for key, place in now.items():
        came_from = old.get(key)
        if came_from is None:
            event.insertions.append(place)
            continue
        if _text(before[came_from]) != _text(documents[place]):
            event.updates.append(place)
        if came_from != place:
            event.moves.append((came_from, place))
    event.deletions.extend(place for key, place in old.items() if key not in now)
    event.moves.sort()
    return event


def _places(documents: List[Document]) -> Dict[str, int]:
    return {_text(document.get("_id")): place for place, document in enumerate(documents)}


def _text(value: Any) -> str:
    """As text that no other value has."""
    return json.dumps(value, sort_keys=True)
