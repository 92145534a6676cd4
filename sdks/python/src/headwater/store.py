"""The documents of a peer: statements, observers, transactions, and the way to collections."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional

from .collection import Collection
from .observer import Events, Observer, OnError, observe
from .port import Message, Port
from .transaction import Transaction
from .written import Executed


class Store:
    """The documents of a peer."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def collection(self, name: str) -> Collection:
        """A collection; it is there once it has a document."""
        return Collection(self._port, name)

    def execute(self, statement: str, args: Optional[Mapping[str, Any]] = None) -> Executed:
        """Runs a statement of DQL: SELECT, INSERT, UPDATE, DELETE or EVICT. ``args`` says what ``:name`` stands for."""
        return Executed(self._port, self._port.call(_statement(statement, args)))

    async def execute_async(self, statement: str, args: Optional[Mapping[str, Any]] = None) -> Executed:
        """The same for an event loop."""
        return Executed(self._port, await self._port.call_async(_statement(statement, args)))

    def transaction(self) -> Transaction:
        """``with store.transaction() as tx``, or ``async with``: everything that is done with ``tx`` is one
        transaction, here and at the server: all of it or, if the block raises, nothing. While it runs nothing else is
        written or synced, so it should be short; it may not wait for other writes."""
        return Transaction(self._port)

    def register_observer(
        self, statement: str, callback: Callable[[List[Dict[str, Any]]], object],
        args: Optional[Mapping[str, Any]] = None, on_error: OnError = None,
    ) -> Observer:
        """Calls ``callback`` with what a SELECT gives now, and again whenever that may be something else. A result that
        cannot be had goes to ``on_error``, or is reported as uncaught."""
        request = {"watch": "select", "statement": statement, "args": args}
        return observe(self._port, request, lambda event: callback(event["items"]), on_error)

    def observe(self, statement: str, args: Optional[Mapping[str, Any]] = None) -> Events[List[Dict[str, Any]]]:
        """The same for loops: ``for items in store.observe("SELECT …")``, or ``async for``."""
        request = {"watch": "select", "statement": statement, "args": args}
        return Events(self._port, request, lambda event: event["items"])


def _statement(statement: str, args: Optional[Mapping[str, Any]]) -> Message:
    return {"call": "execute", "statement": statement, "args": args}
