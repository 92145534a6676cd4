"""Documents and their ids, by the vendor's names.

Not here: attachments.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Union

from ..change import Change, ChangeMessage
from ..errors import HeadwaterError
from ..paths import join, look_up

Number = Union[int, float]


class DocumentID:
    """The id of a document: any JSON but null, a string most of the time."""

    def __init__(self, value: Any) -> None:
        self.value: Any = value.value if isinstance(value, DocumentID) else value

    def is_equal_to(self, other: Any) -> bool:
        """Whether another is the same."""
        return self.to_query_compatible_string() == DocumentID(other).to_query_compatible_string()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DocumentID) and self.is_equal_to(other)

    def __hash__(self) -> int:
        return hash(self.to_query_compatible_string())

    def __str__(self) -> str:
        """A string is itself, everything else is JSON."""
        return self.value if isinstance(self.value, str) else self.to_query_compatible_string()

    def __repr__(self) -> str:
        return f"DocumentID({self.value!r})"

    def to_query_compatible_string(self) -> str:
        """As a query takes it."""
        return json.dumps(self.value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def to_json(self) -> Any:
        """As a document or an argument takes it."""
        return self.value


def id_value(id: Any) -> Any:
    """The value of an id that may be a DocumentID."""
    return id.value if isinstance(id, DocumentID) else id


class Counter:
    """A number to which several peers add. In an upsert or a ``set`` it makes a counter that begins with ``value``."""

    def __init__(self, value: Number = 0) -> None:
        self.value = value

    def to_json(self) -> Number:
        """As a document has it."""
        return self.value


class Register:
    """A value that is replaced as a whole. In an upsert it says so of an object."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def to_json(self) -> Any:
        """As a document has it."""
        return self.value


#: How deep fields of their own kinds are looked for; deeper values are refused anyway.
DEPTH_MAX = 120


def types_of(value: Any) -> Dict[str, str]:
    """What kinds of fields a value says that it has: counters and registers."""
    types: Dict[str, str] = {}
    _add_types(value, "", types, 0)
    return types


def _add_types(value: Any, path: str, types: Dict[str, str], depth: int) -> None:
    if isinstance(value, Counter):
        types[path] = "counter"
    elif isinstance(value, Register):
        types[path] = "register"
    elif isinstance(value, dict) and depth < DEPTH_MAX:
        for name, it in value.items():
            if isinstance(it, (Counter, Register, dict)) and isinstance(name, str):
                _add_types(it, join(path, name), types, depth + 1)


class Document:
    """A document that was found."""

    def __init__(self, value: Dict[str, Any]) -> None:
        #: Its fields, with its ``_id``.
        self.value = value

    @property
    def id(self) -> DocumentID:
        """Its id."""
        return DocumentID(self.value.get("_id"))

    def at(self, path: str) -> DocumentPath:
        """A place in it."""
        return DocumentPath(self.value, path)

    def __getitem__(self, path: str) -> DocumentPath:
        """The same, as in Swift and Kotlin."""
        return DocumentPath(self.value, path)

    def __repr__(self) -> str:
        return f"Document({self.value!r})"


class DocumentPath:
    """A place in a document."""

    def __init__(self, value: Dict[str, Any], path: str) -> None:
        self._value = value
        self._path = path

    @property
    def value(self) -> Any:
        """What stands there; None if nothing does."""
        return look_up(self._value, self._path)

    @property
    def counter(self) -> Optional[Counter]:
        """The counter there, if it is a number."""
        value = self.value
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return Counter(value) if is_number else None

    @property
    def register(self) -> Optional[Register]:
        """The register there, if something is."""
        value = self.value
        return None if value is None else Register(value)

    def at(self, step: Union[str, int]) -> DocumentPath:
        """A field of what stands here, or an element."""
        return DocumentPath(self._value, join(self._path, step))

    def __getitem__(self, step: Union[str, int]) -> DocumentPath:
        return self.at(step)


class MutableDocument:
    """A document in a function that changes it: ``document.at("age").set(32)``, or ``document["age"] = 32``. Reading a
    field gives what it was before."""

    def __init__(self, value: Dict[str, Any]) -> None:
        self.value = value
        self.changes: List[ChangeMessage] = []

    @property
    def id(self) -> DocumentID:
        """Its id."""
        return DocumentID(self.value.get("_id"))

    def at(self, path: str) -> MutableDocumentPath:
        """A place in it."""
        return MutableDocumentPath(self.value, self.changes, path)

    def __getitem__(self, name: str) -> MutableDocumentPath:
        return self.at(join("", name))

    def __setitem__(self, name: str, value: Any) -> None:
        self.at("")[name] = value

    def __delitem__(self, name: str) -> None:
        del self.at("")[name]


class MutableDocumentPath:
    """A place in a document that may be changed. What stands there as a counter or register is the same place."""

    def __init__(self, value: Dict[str, Any], changes: List[ChangeMessage], path: str) -> None:
        self._value = value
        self._changes = changes
        self._path = path

    @property
    def value(self) -> Any:
        """What stood there before; None if nothing did."""
        return look_up(self._value, self._path)

    @property
    def counter(self) -> MutableDocumentPath:
        """The counter there."""
        return self

    @property
    def register(self) -> MutableDocumentPath:
        """The register there."""
        return self

    def at(self, step: Union[str, int]) -> MutableDocumentPath:
        """A field of what stands here, or an element."""
        return MutableDocumentPath(self._value, self._changes, join(self._path, step))

    def set(self, value: Any) -> None:
        """Replaces what stands there."""
        self._changes.append(Change.set(self._path, value))
        if isinstance(value, Counter):
            self._changes.append(Change.increment(self._path, 0))

    def remove(self) -> None:
        """Takes away what stands there."""
        self._changes.append(Change.unset(self._path))

    def increment(self, by: Number = 1) -> None:
        """Adds to the counter there."""
        self._changes.append(Change.increment(self._path, by))

    def replace_with_counter(self) -> None:
        """Makes a counter of the number there, or one that begins with 0."""
        self.increment(0)

    def __getitem__(self, step: Union[str, int]) -> MutableDocumentPath:
        return self.at(step)

    def __setitem__(self, step: Union[str, int], value: Any) -> None:
        self._step(step).set(value)

    def __delitem__(self, step: Union[str, int]) -> None:
        self._step(step).remove()

    def _step(self, step: Union[str, int]) -> MutableDocumentPath:
        if self._path == "" and step == "_id":
            raise HeadwaterError("invalid_value", "a document's _id cannot be changed")
        return self.at(step)
