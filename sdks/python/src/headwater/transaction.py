"""Writes that are committed together, or not at all.

Invariants: nothing of other writers comes between the calls of a transaction; if its block is left by an exception,
nothing of it was done.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Union

from .change import ChangeMessage, MutableDocument
from .errors import HeadwaterError
from .port import Message, Port, Steps
from .written import Written

Changes = Union[List[ChangeMessage], Callable[[MutableDocument], object]]


class Transaction:
    """A transaction in the making, for ``with`` and ``async with``. Its reads see what it has written."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._number: Optional[int] = None
        #: What was written, once the block is left.
        self.written: Optional[Written] = None

    def collection(self, name: str) -> TransactionCollection:
        """A collection in it."""
        return TransactionCollection(self._port, self, name)

    def execute(self, statement: str, args: Optional[Mapping[str, Any]] = None) -> List[Dict[str, Any]]:
        """Runs a statement of DQL: the rows of a SELECT, or what RETURNING says."""
        items: List[Dict[str, Any]] = self._port.call(self._statement(statement, args))["items"]
        return items

    async def execute_async(self, statement: str, args: Optional[Mapping[str, Any]] = None) -> List[Dict[str, Any]]:
        """The same for an event loop."""
        items: List[Dict[str, Any]] = (await self._port.call_async(self._statement(statement, args)))["items"]
        return items

    def _statement(self, statement: str, args: Optional[Mapping[str, Any]]) -> Message:
        return {"call": "execute", "statement": statement, "args": args, "transaction": self.number}

    @property
    def number(self) -> int:
        """The number that its calls have."""
        if self._number is None:
            raise HeadwaterError("no_transaction", "it is no transaction before its block, and after it")
        return self._number

    def __enter__(self) -> Transaction:
        self._begun(self._port.call({"call": "begin"}))
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self._port.run(self._end(is_good=error is None))

    async def __aenter__(self) -> Transaction:
        self._begun(await self._port.call_async({"call": "begin"}))
        return self

    async def __aexit__(self, error: object, *_: object) -> None:
        await self._port.run_async(self._end(is_good=error is None))

    def _begun(self, answer: Message) -> None:
        if self._number is not None or self.written is not None:
            raise HeadwaterError("no_transaction", "a transaction has one block")
        self._number = answer["transaction"]

    def _end(self, is_good: bool) -> Steps[None]:
        number, self._number = self._number, None
        if is_good:
            answer = yield {"call": "commit", "transaction": number}
            self.written = Written(self._port, answer["ids"], answer.get("sequence"))
        elif number is not None:
            yield from roll_back(number)


class TransactionCollection:
    """A collection in a transaction."""

    def __init__(self, port: Port, transaction: Transaction, name: str) -> None:
        self._port = port
        self._transaction = transaction
        self.name = name

    def upsert(self, value: Mapping[str, Any], types: Optional[Mapping[str, str]] = None) -> Any:
        """As ``collection.upsert``: the document's id."""
        return self._port.call(self._request("upsert", value=value, types=types))["id"]

    async def upsert_async(self, value: Mapping[str, Any], types: Optional[Mapping[str, str]] = None) -> Any:
        """The same for an event loop."""
        return (await self._port.call_async(self._request("upsert", value=value, types=types)))["id"]

    def find_by_id(self, id: Any) -> Optional[Dict[str, Any]]:
        """As ``collection.find_by_id``."""
        document: Optional[Dict[str, Any]] = self._port.call(self._request("find_by_id", id=id))["document"]
        return document

    async def find_by_id_async(self, id: Any) -> Optional[Dict[str, Any]]:
        """The same for an event loop."""
        answer = await self._port.call_async(self._request("find_by_id", id=id))
        document: Optional[Dict[str, Any]] = answer["document"]
        return document

    def find(self, query: str = "true", args: Optional[Mapping[str, Any]] = None) -> List[Dict[str, Any]]:
        """The documents that match a condition of the legacy query language."""
        documents: List[Dict[str, Any]] = self._port.call(self._request("find", query=query, args=args))["documents"]
        return documents

    async def find_async(self, query: str = "true", args: Optional[Mapping[str, Any]] = None) -> List[Dict[str, Any]]:
        """The same for an event loop."""
        answer = await self._port.call_async(self._request("find", query=query, args=args))
        documents: List[Dict[str, Any]] = answer["documents"]
        return documents

    def update(self, id: Any, changes: Changes) -> bool:
        """As ``collection.update``: whether the document is there."""
        return self._port.run(self._update(id, changes))

    async def update_async(self, id: Any, changes: Changes) -> bool:
        """The same for an event loop."""
        return await self._port.run_async(self._update(id, changes))

    def remove(self, id: Any) -> bool:
        """As ``collection.remove``: whether the document was there."""
        return bool(self._port.call(self._request("remove", id=id))["ids"])

    async def remove_async(self, id: Any) -> bool:
        """The same for an event loop."""
        return bool((await self._port.call_async(self._request("remove", id=id)))["ids"])

    def _update(self, id: Any, changes: Changes) -> Steps[bool]:
        if callable(changes):
            found = (yield self._request("find_by_id", id=id))["document"]
            if found is None:
                return False
            document = MutableDocument(found)
            changes(document)
            changes = document.changes
            if not changes:
                return True
        return bool((yield self._request("update", id=id, changes=changes))["ids"])

    def _request(self, call: str, **fields: Any) -> Message:
        return {"call": call, "collection": self.name, "transaction": self._transaction.number, **fields}


def roll_back(number: int) -> Steps[None]:
    """Ends a transaction, unless it has ended by itself."""
    try:
        yield {"call": "rollback", "transaction": number}
    except HeadwaterError:
        pass  # the peer was closed, or nothing came of it for too long


def in_transaction(steps: Callable[[int], Steps[Any]]) -> Steps[Message]:
    """Does steps in a transaction: what ``commit`` gives, and in ``value`` what they returned."""
    number: int = (yield {"call": "begin"})["transaction"]
    try:
        value = yield from steps(number)
    except BaseException:
        yield from roll_back(number)
        raise
    return {**(yield {"call": "commit", "transaction": number}), "value": value}


def found_in(collection: str, which: Mapping[str, Any], number: Optional[int]) -> Steps[List[Dict[str, Any]]]:
    """The documents that an id, or what ``find`` takes, means."""
    if "id" in which:
        request = {"call": "find_by_id", "collection": collection, "id": which["id"], "transaction": number}
        document = (yield request)["document"]
        return [] if document is None else [document]
    documents: List[Dict[str, Any]] = (yield {"call": "find", "collection": collection, **which, "transaction": number})["documents"]
    return documents


def update_with(
    collection: str, which: Mapping[str, Any], change: Callable[[List[MutableDocument]], object],
) -> Steps[Message]:
    """Reads documents, has them changed and writes the changes, in one transaction."""

    def steps(number: int) -> Steps[None]:
        documents = [MutableDocument(it) for it in (yield from found_in(collection, which, number))]
        change(documents)
        for document in documents:
            if document.changes:
                yield {
                    "call": "update", "collection": collection, "id": document.id, "changes": document.changes,
                    "transaction": number,
                }

    return in_transaction(steps)
