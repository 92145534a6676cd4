"""Changes of fields.

Not here: what becomes of changes of several peers (docs/guides/small-peers.md).
"""

from __future__ import annotations

from typing import Any, Dict, List, Union

from .paths import join, look_up

#: A change of a field, as a message has it.
ChangeMessage = Dict[str, Any]


class Change:
    """Makes changes of fields."""

    @staticmethod
    def set(path: str, value: Any) -> ChangeMessage:
        """Replaces what stands at ``path``."""
        return {"path": path, "set": value}

    @staticmethod
    def increment(path: str, by: Union[int, float] = 1) -> ChangeMessage:
        """Adds to the counter at ``path``: increments of several peers all count."""
        return {"path": path, "increment": by}

    @staticmethod
    def unset(path: str) -> ChangeMessage:
        """Takes away what stands at ``path``."""
        return {"path": path, "unset": True}


class MutableDocument:
    """A document in a function that changes it. Reading it gives what it was before."""

    def __init__(self, value: Dict[str, Any]) -> None:
        self.value = value
        self.changes: List[ChangeMessage] = []

    @property
    def id(self) -> Any:
        """Its id."""
        return self.value.get("_id")

    def at(self, path: str) -> MutableField:
        """The field at ``path``, as in ``address.city`` or ``tags[0]``."""
        return MutableField(self, path)


class MutableField:
    """A place in a MutableDocument."""

    def __init__(self, document: MutableDocument, path: str) -> None:
        self._document = document
        self._path = path

    @property
    def value(self) -> Any:
        """What stood there before; None if nothing did."""
        return look_up(self._document.value, self._path)

    def at(self, step: Union[str, int]) -> MutableField:
        """A field of what stands here, or an element."""
        return MutableField(self._document, join(self._path, step))

    def set(self, value: Any) -> None:
        """Replaces what stands here."""
        self._document.changes.append(Change.set(self._path, value))

    def increment(self, by: Union[int, float] = 1) -> None:
        """Adds to the counter that stands here."""
        self._document.changes.append(Change.increment(self._path, by))

    def unset(self) -> None:
        """Takes away what stands here."""
        self._document.changes.append(Change.unset(self._path))
