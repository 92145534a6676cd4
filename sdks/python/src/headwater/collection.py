"""A collection, and a document that is named by its id."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional

from .change import MutableDocument
from .find import Find, written
from .port import Message, Port, Steps
from .sync import Subscription
from .transaction import Changes, update_with
from .written import Written


class Collection:
    """A collection. It is there once it has a document."""

    def __init__(self, port: Port, name: str) -> None:
        self._port = port
        self.name = name

    def upsert(self, value: Mapping[str, Any], types: Optional[Mapping[str, str]] = None) -> Written:
        """Merges an object into the document that its ``_id`` names, or makes a new one. ``types`` says what kind of
        field stands at some paths: ``counter``, ``register`` or ``map``."""
        answer = self._port.call(self._upsert(value, types))
        return Written(self._port, [answer["id"]], answer.get("sequence"))

    async def upsert_async(self, value: Mapping[str, Any], types: Optional[Mapping[str, str]] = None) -> Written:
        """The same for an event loop."""
        answer = await self._port.call_async(self._upsert(value, types))
        return Written(self._port, [answer["id"]], answer.get("sequence"))

    def _upsert(self, value: Mapping[str, Any], types: Optional[Mapping[str, str]]) -> Message:
        return {"call": "upsert", "collection": self.name, "value": value, "types": types}

    def find_by_id(self, id: Any) -> Optional[Dict[str, Any]]:
        """The document with its ``_id``, or None."""
        document: Optional[Dict[str, Any]] = self._port.call(self._one("find_by_id", id))["document"]
        return document

    async def find_by_id_async(self, id: Any) -> Optional[Dict[str, Any]]:
        """The same for an event loop."""
        document: Optional[Dict[str, Any]] = (await self._port.call_async(self._one("find_by_id", id)))["document"]
        return document

    def by_id(self, id: Any) -> ByID:
        """The document with this id, to be read, changed or observed."""
        return ByID(self._port, self, id)

    def find(self, query: str = "true", args: Optional[Mapping[str, Any]] = None) -> Find:
        """The documents that match a condition of the legacy query language; all if there is none. Nothing is looked
        for until one of its calls. ``args`` says what ``$args.name`` stands for."""
        return Find(self._port, self.name, {"query": query, "args": args})

    def update(self, id: Any, changes: Changes) -> Written:
        """Changes a document, if it is there: by changes, or by a function that makes some, which may not wait."""
        return written(self._port, self._port.run(self._update(id, changes)))

    async def update_async(self, id: Any, changes: Changes) -> Written:
        """The same for an event loop."""
        return written(self._port, await self._port.run_async(self._update(id, changes)))

    def _update(self, id: Any, changes: Changes) -> Steps[Message]:
        if callable(changes):
            change: Callable[[MutableDocument], object] = changes

            def all_of_them(documents: List[MutableDocument]) -> None:
                for document in documents:
                    change(document)

            return (yield from update_with(self.name, {"id": id}, all_of_them))
        return (yield {**self._one("update", id), "changes": changes})

    def remove(self, id: Any) -> Written:
        """Removes a document, if it is there, here and at the server."""
        return written(self._port, self._port.call(self._one("remove", id)))

    async def remove_async(self, id: Any) -> Written:
        """The same for an event loop."""
        return written(self._port, await self._port.call_async(self._one("remove", id)))

    def evict(self, id: Any) -> bool:
        """Takes a document out of this store alone: whether it was there."""
        return bool(self._port.call(self._one("evict", id))["ids"])

    async def evict_async(self, id: Any) -> bool:
        """The same for an event loop."""
        return bool((await self._port.call_async(self._one("evict", id)))["ids"])

    def _one(self, call: str, id: Any) -> Message:
        return {"call": call, "collection": self.name, "id": id}


class ByID:
    """A document that is named by its id. Nothing is looked for until one of its calls."""

    def __init__(self, port: Port, collection: Collection, id: Any) -> None:
        self._port = port
        self._collection = collection
        self.id = id

    def get(self) -> Optional[Dict[str, Any]]:
        """The document with its ``_id``, or None."""
        return self._collection.find_by_id(self.id)

    async def get_async(self) -> Optional[Dict[str, Any]]:
        """The same for an event loop."""
        return await self._collection.find_by_id_async(self.id)

    def update(self, change: Callable[[MutableDocument], object]) -> Written:
        """Has ``change`` look at the document and change it, in one transaction; it is not called if there is none."""
        return self._collection.update(self.id, change)

    async def update_async(self, change: Callable[[MutableDocument], object]) -> Written:
        """The same for an event loop."""
        return await self._collection.update_async(self.id, change)

    def remove(self) -> Written:
        """As ``collection.remove``."""
        return self._collection.remove(self.id)

    async def remove_async(self) -> Written:
        """The same for an event loop."""
        return await self._collection.remove_async(self.id)

    def evict(self) -> bool:
        """As ``collection.evict``."""
        return self._collection.evict(self.id)

    async def evict_async(self) -> bool:
        """The same for an event loop."""
        return await self._collection.evict_async(self.id)

    def subscribe(self) -> Subscription:
        """Subscribes to the document."""
        return self.find().subscribe()

    def find(self) -> Find:
        """The same document as what a query finds, to be observed, say."""
        return self._collection.find("_id == $args.id", {"id": self.id})
