"""Documents that match a condition of the legacy query language.

Invariants: a Find never changes; ``sort``, ``limit`` and ``offset`` give another.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Union

from .change import ChangeMessage, MutableDocument
from .difference import LocalEvent, difference
from .observer import Events, Observer, OnError, observe
from .port import Message, Port, Steps
from .sync import Subscription
from .transaction import update_with
from .written import Written

Document = Dict[str, Any]


class Find:
    """Documents that match. Nothing is looked for until one of the last calls."""

    def __init__(self, port: Port, collection: str, request: Mapping[str, Any]) -> None:
        self._port = port
        self._collection = collection
        self._request = request

    def sort(self, path: str) -> Find:
        """Sorts by what stands at ``path``, after earlier ones; the smallest first."""
        return self._with(sort=[*self._request.get("sort", []), {"path": path}])

    def sort_descending(self, path: str) -> Find:
        """The same, the greatest first."""
        return self._with(sort=[*self._request.get("sort", []), {"path": path, "descending": True}])

    def offset(self, offset: int) -> Find:
        """Leaves the first ones out."""
        return self._with(offset=offset)

    def limit(self, limit: int) -> Find:
        """At most so many."""
        return self._with(limit=limit)

    def documents(self) -> List[Document]:
        """The documents, each with its ``_id``."""
        documents: List[Document] = self._port.call({"call": "find", **self._all()})["documents"]
        return documents

    async def documents_async(self) -> List[Document]:
        """The same for an event loop."""
        documents: List[Document] = (await self._port.call_async({"call": "find", **self._all()}))["documents"]
        return documents

    def update(self, changes: Union[List[ChangeMessage], Callable[[List[MutableDocument]], object]]) -> Written:
        """Changes all that match, in one transaction. Order, offset and limit count only for a function, which is
        called with the documents and may not wait."""
        return written(self._port, self._port.run(self._update(changes)))

    async def update_async(
        self, changes: Union[List[ChangeMessage], Callable[[List[MutableDocument]], object]],
    ) -> Written:
        """The same for an event loop."""
        return written(self._port, await self._port.run_async(self._update(changes)))

    def _update(self, changes: Union[List[ChangeMessage], Callable[[List[MutableDocument]], object]]) -> Steps[Message]:
        if callable(changes):
            return (yield from update_with(self._collection, self._request, changes))
        return (yield {"call": "update", **self._matching(), "changes": changes})

    def remove(self) -> Written:
        """Removes all that match, in one transaction; order, offset and limit do not count."""
        return written(self._port, self._port.call({"call": "remove", **self._matching()}))

    async def remove_async(self) -> Written:
        """The same for an event loop."""
        return written(self._port, await self._port.call_async({"call": "remove", **self._matching()}))

    def evict(self) -> List[Any]:
        """Takes all that match out of this store alone: the ids of those that were there; order, offset and limit do
        not count."""
        ids: List[Any] = self._port.call({"call": "evict", **self._matching()})["ids"]
        return ids

    async def evict_async(self) -> List[Any]:
        """The same for an event loop."""
        ids: List[Any] = (await self._port.call_async({"call": "evict", **self._matching()}))["ids"]
        return ids

    def observe(self, callback: Callable[[List[Document]], object], on_error: OnError = None) -> Observer:
        """Calls ``callback`` with the documents now, and again whenever they may be others."""
        request = {"watch": "find", **self._all()}
        return observe(self._port, request, lambda event: callback(event["documents"]), on_error)

    def stream(self) -> Events[List[Document]]:
        """The same for loops, ``for`` and ``async for``."""
        return Events(self._port, {"watch": "find", **self._all()}, lambda event: event["documents"])

    def observe_local(
        self, callback: Callable[[List[Document], LocalEvent], object], on_error: OnError = None,
    ) -> Observer:
        """Calls ``callback`` with the documents now, and again with what is different whenever they change."""
        before: Optional[List[Document]] = None

        def tell(documents: List[Document]) -> None:
            nonlocal before
            event, before = difference(before, documents), documents
            callback(documents, event)

        return self.observe(tell, on_error)

    def subscribe(self) -> Subscription:
        """Subscribes to all that match; order, offset and limit do not count."""
        answer = self._port.call({"call": "register_subscription", **self._matching()})
        return Subscription(self._port, answer["subscription"])

    async def subscribe_async(self) -> Subscription:
        """The same for an event loop."""
        answer = await self._port.call_async({"call": "register_subscription", **self._matching()})
        return Subscription(self._port, answer["subscription"])

    def _with(self, **more: Any) -> Find:
        return Find(self._port, self._collection, {**self._request, **more})

    def _all(self) -> Message:
        return {"collection": self._collection, **self._request}

    def _matching(self) -> Message:
        return {"collection": self._collection, "query": self._request["query"], "args": self._request["args"]}


def written(port: Port, answer: Message) -> Written:
    """What a write came to that is answered with ids."""
    return Written(port, answer["ids"], answer.get("sequence"))
