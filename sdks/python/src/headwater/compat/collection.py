"""Collections and what is found in them, by the vendor's names."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional

from ..port import Message, Port
from .documents import Document, DocumentID, MutableDocument, id_value
from .events import LiveQuery, LiveQueryEvent, SingleDocumentLiveQueryEvent, observe_local
from .sync import SyncSubscription
from .write import UpdateResult, UpdateResultsMap, each_of, find_in, update_with, upsert

Arguments = Optional[Mapping[str, Any]]
SignalNext = Callable[[], None]


class Collection:
    """A collection."""

    def __init__(self, port: Port, name: str) -> None:
        self._port = port
        self.name = name

    def upsert(self, value: Mapping[str, Any], write_strategy: str = "merge") -> DocumentID:
        """Merges an object into the document that its ``_id`` names, or makes a new one. ``write_strategy`` is
        ``merge``, ``insert_if_absent``, ``insert_default_if_absent`` or ``update_different_values``."""
        return self._port.run(upsert(self.name, value, write_strategy, None))

    async def upsert_async(self, value: Mapping[str, Any], write_strategy: str = "merge") -> DocumentID:
        """The same for an event loop."""
        return await self._port.run_async(upsert(self.name, value, write_strategy, None))

    def find(self, query: str, args: Arguments = None) -> PendingCursorOperation:
        """The documents that match; ``args`` says what ``$args.name`` stands for."""
        return PendingCursorOperation(self._port, self.name, {"query": query, "args": args})

    def find_all(self) -> PendingCursorOperation:
        """All documents."""
        return self.find("true")

    def find_by_id(self, id: Any) -> PendingIDSpecificOperation:
        """The document with this id."""
        return PendingIDSpecificOperation(self._port, self.name, id_value(id))


class PendingCursorOperation:
    """Documents that match."""

    def __init__(self, port: Port, collection: str, request: Dict[str, Any]) -> None:
        self._port = port
        self._collection = collection
        self._request = request

    def sort(self, path: str, direction: str = "ascending") -> PendingCursorOperation:
        """Sorts by what stands at ``path``, ``ascending`` or ``descending``."""
        return self._with(sort=[*self._request.get("sort", []), {"path": path, "descending": direction == "descending"}])

    def limit(self, limit: int) -> PendingCursorOperation:
        """At most so many."""
        return self._with(limit=limit)

    def offset(self, offset: int) -> PendingCursorOperation:
        """Leaves the first ones out."""
        return self._with(offset=offset)

    def exec(self) -> List[Document]:
        """The documents."""
        return [Document(it) for it in self._port.run(find_in(self._collection, self._request, None))]

    async def exec_async(self) -> List[Document]:
        """The same for an event loop."""
        return [Document(it) for it in await self._port.run_async(find_in(self._collection, self._request, None))]

    def update(self, change: Callable[[List[MutableDocument]], object]) -> UpdateResultsMap:
        """Has a function change the documents, in one transaction."""
        return self._port.run(update_with(self._collection, self._request, change, None))

    def remove(self) -> List[DocumentID]:
        """Removes all that match: their ids."""
        return self._ids("remove")

    def evict(self) -> List[DocumentID]:
        """Takes all that match out of this store alone: their ids."""
        return self._ids("evict")

    def subscribe(self) -> SyncSubscription:
        """Subscribes to all that match."""
        return SyncSubscription(self._port, self._matching())

    def observe_local(self, handler: Callable[[List[Document], LiveQueryEvent], object]) -> LiveQuery:
        """Calls ``handler`` with the documents now, and again with what is different whenever they change."""
        return self._observe(lambda documents, event, _: handler(documents, event), is_paced=False)

    def observe_local_with_next_signal(
        self, handler: Callable[[List[Document], LiveQueryEvent, SignalNext], object],
    ) -> LiveQuery:
        """The same, but not before the handler has called the third thing that it is given."""
        return self._observe(handler, is_paced=True)

    def _observe(
        self, handler: Callable[[List[Document], LiveQueryEvent, SignalNext], object], is_paced: bool,
    ) -> LiveQuery:
        return observe_local(self._port, {"collection": self._collection, **self._request}, handler, is_paced)

    def _ids(self, call: str) -> List[DocumentID]:
        return [DocumentID(it) for it in self._port.call({"call": call, **self._matching()})["ids"]]

    def _matching(self) -> Message:
        return {"collection": self._collection, "query": self._request["query"], "args": self._request["args"]}

    def _with(self, **more: Any) -> PendingCursorOperation:
        return PendingCursorOperation(self._port, self._collection, {**self._request, **more})


class PendingIDSpecificOperation:
    """A document that is named by its id."""

    def __init__(self, port: Port, collection: str, id: Any) -> None:
        self._port = port
        self._collection = collection
        self._id = id

    def exec(self) -> Optional[Document]:
        """The document, or None."""
        return _first(self._port.run(find_in(self._collection, {"id": self._id}, None)))

    async def exec_async(self) -> Optional[Document]:
        """The same for an event loop."""
        return _first(await self._port.run_async(find_in(self._collection, {"id": self._id}, None)))

    def update(self, change: Callable[[MutableDocument], object]) -> List[UpdateResult]:
        """Has a function change the document, which is not called if there is none."""
        return self._port.run(update_with(self._collection, {"id": self._id}, each_of(change), None)).get(self._id)

    def remove(self) -> bool:
        """Removes it: whether it was there."""
        return self._was_there("remove")

    def evict(self) -> bool:
        """Takes it out of this store alone: whether it was there."""
        return self._was_there("evict")

    def subscribe(self) -> SyncSubscription:
        """Subscribes to the document."""
        return SyncSubscription(self._port, {"collection": self._collection, **self._query()})

    def observe_local(
        self, handler: Callable[[Optional[Document], SingleDocumentLiveQueryEvent], object],
    ) -> LiveQuery:
        """Calls ``handler`` with the document now, and again whenever it changes."""
        return self._observe(lambda document, event, _: handler(document, event), is_paced=False)

    def observe_local_with_next_signal(
        self, handler: Callable[[Optional[Document], SingleDocumentLiveQueryEvent, SignalNext], object],
    ) -> LiveQuery:
        """The same, but not before the handler has called the third thing that it is given."""
        return self._observe(handler, is_paced=True)

    def _observe(
        self, handler: Callable[[Optional[Document], SingleDocumentLiveQueryEvent, SignalNext], object], is_paced: bool,
    ) -> LiveQuery:
        def tell(documents: List[Document], event: LiveQueryEvent, signal_next: SignalNext) -> None:
            old = event.old_documents[0] if event.old_documents else None
            document = documents[0] if documents else None
            handler(document, SingleDocumentLiveQueryEvent(event.is_initial, old), signal_next)

        return observe_local(self._port, {"collection": self._collection, **self._query()}, tell, is_paced)

    def _was_there(self, call: str) -> bool:
        return bool(self._port.call({"call": call, "collection": self._collection, "id": self._id})["ids"])

    def _query(self) -> Message:
        return {"query": "_id == $args.id", "args": {"id": self._id}}


class PendingCollectionsOperation:
    """The collections that have documents."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def exec(self) -> List[Collection]:
        """The collections."""
        answer = self._port.call({"call": "execute", "statement": "SELECT name FROM system:collections"})
        return [Collection(self._port, it["name"]) for it in answer["items"]]


def _first(found: List[Dict[str, Any]]) -> Optional[Document]:
    return Document(found[0]) if found else None
