"""Writes and write transactions, by the vendor's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from ..change import ChangeMessage
from ..errors import HeadwaterError
from ..port import Port, Steps
from ..transaction import Transaction, found_in, in_transaction
from .documents import Document, DocumentID, MutableDocument, id_value, types_of

Arguments = Optional[Mapping[str, Any]]

_STATEMENTS = {
    "insert_if_absent": ("DOCUMENTS", "ON ID CONFLICT DO NOTHING"),
    "insert_default_if_absent": ("INITIAL DOCUMENTS", ""),
    "update_different_values": ("DOCUMENTS", "ON ID CONFLICT DO UPDATE_LOCAL_DIFF"),
}


def upsert(collection: str, value: Mapping[str, Any], strategy: str, number: Optional[int]) -> Steps[DocumentID]:
    """Writes a document in one of the vendor's ways."""
    if strategy == "merge":
        request = {
            "call": "upsert", "collection": collection, "value": value, "types": types_of(value) or None,
            "transaction": number,
        }
        return DocumentID((yield request)["id"])
    if strategy not in _STATEMENTS:
        raise HeadwaterError("unsupported", f"there is no write strategy {strategy!r}")
    documents, conflict = _STATEMENTS[strategy]
    quoted = collection.replace("`", "``")
    statement = f"INSERT INTO `{quoted}` {documents} (:value) {conflict}"
    answer = yield {"call": "execute", "statement": statement, "args": {"value": value}, "transaction": number}
    return DocumentID(answer["mutated"][0] if answer["mutated"] else value.get("_id"))


def find_in(collection: str, which: Mapping[str, Any], number: Optional[int]) -> Steps[List[Dict[str, Any]]]:
    """The documents that an id, or what ``find`` takes, means."""
    return found_in(collection, which, number)


@dataclass(frozen=True)
class UpdateResult:
    """A change that was made: ``set`` with its value, ``incremented`` with its amount, or ``removed``."""

    type: str
    doc_id: DocumentID
    path: str
    value: Any = None
    amount: Any = None


def _update_result(doc_id: DocumentID, change: ChangeMessage) -> UpdateResult:
    if change.get("unset"):
        return UpdateResult("removed", doc_id, change["path"])
    if "increment" in change:
        return UpdateResult("incremented", doc_id, change["path"], amount=change["increment"])
    return UpdateResult("set", doc_id, change["path"], value=change["set"])


class UpdateResultsMap:
    """Which changes were made, by documents."""

    def __init__(self, results: Dict[DocumentID, List[UpdateResult]]) -> None:
        self._results = results

    def get(self, id: Any) -> List[UpdateResult]:
        """Those of a document."""
        return self._results.get(DocumentID(id), [])

    def keys(self) -> List[DocumentID]:
        """The documents."""
        return list(self._results)


def each_of(change: Callable[[MutableDocument], object]) -> Callable[[List[MutableDocument]], None]:
    """A function of one document as one of several."""

    def change_each(documents: List[MutableDocument]) -> None:
        for document in documents:
            change(document)

    return change_each


def update_with(
    collection: str, which: Mapping[str, Any], change: Callable[[List[MutableDocument]], object], number: Optional[int],
) -> Steps[UpdateResultsMap]:
    """Reads documents, has them changed and writes the changes, in a transaction: its own if none is named."""
    if number is None:
        ended = yield from in_transaction(lambda own: update_with(collection, which, change, own))
        own_results: UpdateResultsMap = ended["value"]
        return own_results
    documents = [MutableDocument(it) for it in (yield from found_in(collection, which, number))]
    change(documents)
    results: Dict[DocumentID, List[UpdateResult]] = {}
    for document in documents:
        if document.changes:
            yield {
                "call": "update", "collection": collection, "id": document.id.value, "changes": document.changes,
                "transaction": number,
            }
        results[document.id] = [_update_result(document.id, it) for it in document.changes]
    return UpdateResultsMap(results)


@dataclass(frozen=True)
class WriteTransactionResult:
    """What was written of a document: it was ``inserted``, ``updated`` or ``removed``."""

    type: str
    doc_id: DocumentID
    collection_name: str


def write_transaction(port: Port, run: Callable[[WriteTransaction], object]) -> List[WriteTransactionResult]:
    """Runs ``run`` in a transaction: what it wrote."""
    results: List[WriteTransactionResult] = []
    with Transaction(port) as own:
        run(WriteTransaction(port, own.number, results))
    return results


class WriteTransaction:
    """Writes that are committed together, or not at all."""

    def __init__(self, port: Port, number: int, results: List[WriteTransactionResult]) -> None:
        self._scope = (port, number, results)

    def scoped(self, name: str) -> WriteTransactionCollection:
        """A collection in it."""
        return WriteTransactionCollection(self._scope, name)

    def __getitem__(self, name: str) -> WriteTransactionCollection:
        """The same, as in Swift and Kotlin."""
        return self.scoped(name)


_Scope = Tuple[Port, int, List[WriteTransactionResult]]


class WriteTransactionCollection:
    """A collection in a write transaction."""

    def __init__(self, scope: _Scope, name: str) -> None:
        self._scope = scope
        self._name = name

    def upsert(self, value: Mapping[str, Any], write_strategy: str = "merge") -> DocumentID:
        """As ``Collection.upsert``."""
        port, number, results = self._scope
        doc_id = port.run(upsert(self._name, value, write_strategy, number))
        results.append(WriteTransactionResult("inserted", doc_id, self._name))
        return doc_id

    def find(self, query: str, args: Arguments = None) -> WriteTransactionPendingCursorOperation:
        """The documents that match."""
        return WriteTransactionPendingCursorOperation(self._scope, self._name, {"query": query, "args": args})

    def find_all(self) -> WriteTransactionPendingCursorOperation:
        """All documents."""
        return self.find("true")

    def find_by_id(self, id: Any) -> WriteTransactionPendingIDSpecificOperation:
        """The document with this id."""
        return WriteTransactionPendingIDSpecificOperation(self._scope, self._name, id_value(id))


class WriteTransactionPendingCursorOperation:
    """Documents in a write transaction."""

    def __init__(self, scope: _Scope, name: str, which: Dict[str, Any]) -> None:
        self._scope = scope
        self._name = name
        self._which = which

    def sort(self, path: str, direction: str = "ascending") -> WriteTransactionPendingCursorOperation:
        """Sorts by what stands at ``path``, ``ascending`` or ``descending``."""
        return self._with(sort=[*self._which.get("sort", []), {"path": path, "descending": direction == "descending"}])

    def limit(self, limit: int) -> WriteTransactionPendingCursorOperation:
        """At most so many."""
        return self._with(limit=limit)

    def offset(self, offset: int) -> WriteTransactionPendingCursorOperation:
        """Leaves the first ones out."""
        return self._with(offset=offset)

    def exec(self) -> List[Document]:
        """The documents."""
        port, number, _ = self._scope
        return [Document(it) for it in port.run(find_in(self._name, self._which, number))]

    def update(self, change: Callable[[List[MutableDocument]], object]) -> UpdateResultsMap:
        """Has a function change the documents."""
        return update_in(self._scope, self._name, self._which, change)

    def remove(self) -> List[DocumentID]:
        """Removes them: their ids."""
        return remove_in(self._scope, self._name, {"query": self._which["query"], "args": self._which["args"]})

    def _with(self, **more: Any) -> WriteTransactionPendingCursorOperation:
        return WriteTransactionPendingCursorOperation(self._scope, self._name, {**self._which, **more})


class WriteTransactionPendingIDSpecificOperation:
    """A document in a write transaction."""

    def __init__(self, scope: _Scope, name: str, id: Any) -> None:
        self._scope = scope
        self._name = name
        self._id = id

    def exec(self) -> Optional[Document]:
        """The document, or None."""
        port, number, _ = self._scope
        found = port.run(find_in(self._name, {"id": self._id}, number))
        return Document(found[0]) if found else None

    def update(self, change: Callable[[MutableDocument], object]) -> List[UpdateResult]:
        """Has a function change the document, which is not called if there is none."""
        return update_in(self._scope, self._name, {"id": self._id}, each_of(change)).get(self._id)

    def remove(self) -> bool:
        """Removes it: whether it was there."""
        return bool(remove_in(self._scope, self._name, {"id": self._id}))


def update_in(
    scope: _Scope, name: str, which: Mapping[str, Any], change: Callable[[List[MutableDocument]], object],
) -> UpdateResultsMap:
    """Changes documents in a write transaction, and notes that."""
    port, number, results = scope
    updated = port.run(update_with(name, which, change, number))
    results.extend(WriteTransactionResult("updated", it, name) for it in updated.keys())
    return updated


def remove_in(scope: _Scope, name: str, which: Mapping[str, Any]) -> List[DocumentID]:
    """Removes documents in a write transaction, and notes that."""
    port, number, results = scope
    answer = port.call({"call": "remove", "collection": name, **which, "transaction": number})
    ids = [DocumentID(it) for it in answer["ids"]]
    results.extend(WriteTransactionResult("removed", it, name) for it in ids)
    return ids
