"""Statements and their observers, by the vendor's names.

Not here: attachments.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, TypeVar

from .. import observer as own
from ..errors import HeadwaterError
from ..observer import observe
from ..port import Message, Port
from ..transaction import Transaction
from .collection import Collection, PendingCollectionsOperation
from .documents import DocumentID
from .events import observe_paced
from .write import WriteTransaction, WriteTransactionResult, write_transaction

Arguments = Optional[Mapping[str, Any]]
T = TypeVar("T")


class QueryResultItem:
    """A row. It is always in memory."""

    def __init__(self, value: Dict[str, Any]) -> None:
        self.value = value

    @property
    def is_materialized(self) -> bool:
        """Whether it is in memory."""
        return True

    def materialize(self) -> None:
        """Nothing: it is in memory."""

    def dematerialize(self) -> None:
        """Nothing: it stays in memory."""

    def json_string(self) -> str:
        """As JSON."""
        return json.dumps(self.value, ensure_ascii=False, separators=(",", ":"))


class QueryResult:
    """What a statement came to."""

    def __init__(self, items: List[Dict[str, Any]], mutated: List[Any]) -> None:
        self.items = [QueryResultItem(it) for it in items]
        self._mutated = mutated

    def mutated_document_ids(self) -> List[DocumentID]:
        """The documents that were written or evicted."""
        return [DocumentID(it) for it in self._mutated]

    def mutated_document_ids_v2(self) -> List[Any]:
        """The same as plain values."""
        return list(self._mutated)


class StoreObserver:
    """One who is told of a result."""

    def __init__(
        self, observer: own.Observer, query: str, args: Arguments, forget: Callable[[StoreObserver], object],
    ) -> None:
        self._observer = observer
        self._forget = forget
        self.query_string = query
        self.query_arguments = args

    @property
    def is_cancelled(self) -> bool:
        """Whether it was ended."""
        return self._observer.is_cancelled

    def cancel(self) -> None:
        """Ends it: after this has returned its handler does not run."""
        self._observer.cancel()
        self._forget(self)


class DQLTransaction:
    """Executes statements in a transaction."""

    def __init__(self, port: Port, number: int) -> None:
        self._port = port
        self._number = number

    def execute(self, query: str, args: Arguments = None) -> QueryResult:
        """Runs a statement of DQL."""
        request = _statement(query, args, self._number)
        return _result(self._port.call(request)) if request else QueryResult([], [])


class Store:
    """The documents of a peer."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._observers: Dict[int, StoreObserver] = {}

    def collection(self, name: str) -> Collection:
        """A collection."""
        return Collection(self._port, name)

    def __getitem__(self, name: str) -> Collection:
        """The same, as in Swift and Kotlin."""
        return Collection(self._port, name)

    def collections(self) -> PendingCollectionsOperation:
        """The collections that have documents."""
        return PendingCollectionsOperation(self._port)

    def collection_names(self) -> List[str]:
        """Their names."""
        return [it.name for it in self.collections().exec()]

    @property
    def observers(self) -> List[StoreObserver]:
        """Those who were registered and have not ended."""
        return list(self._observers.values())

    def execute(self, query: str, args: Arguments = None) -> QueryResult:
        """Runs a statement of DQL; ``args`` says what ``:name`` stands for."""
        request = _statement(query, args)
        return _result(self._port.call(request)) if request else QueryResult([], [])

    async def execute_async(self, query: str, args: Arguments = None) -> QueryResult:
        """The same for an event loop."""
        request = _statement(query, args)
        return _result(await self._port.call_async(request)) if request else QueryResult([], [])

    def register_observer(
        self, query: str, handler: Callable[[QueryResult], object], args: Arguments = None,
    ) -> StoreObserver:
        """Calls ``handler`` with what a SELECT gives now, and again whenever that may be something else."""
        request = {"watch": "select", "statement": query, "args": args}
        observer = observe(self._port, request, lambda event: handler(QueryResult(event["items"], [])))
        return self._observer(observer, query, args)

    def register_observer_with_signal_next(
        self, query: str, handler: Callable[[QueryResult, Callable[[], None]], object], args: Arguments = None,
    ) -> StoreObserver:
        """The same, but not before the handler has called the second thing that it is given."""
        request = {"watch": "select", "statement": query, "args": args}
        observer = observe_paced(
            self._port, request, lambda event, signal_next: handler(QueryResult(event["items"], []), signal_next))
        return self._observer(observer, query, args)

    def write(self, write: Callable[[WriteTransaction], object]) -> List[WriteTransactionResult]:
        """What ``write`` does with the collections of what it is given is one transaction."""
        return write_transaction(self._port, write)

    def transaction(self, run: Callable[[DQLTransaction], T]) -> T:
        """The statements that ``run`` executes are one transaction, unless it gives ``"rollback"``."""
        value: Optional[T] = None
        try:
            with Transaction(self._port) as own_transaction:
                value = run(DQLTransaction(self._port, own_transaction.number))
                if value == "rollback":
                    raise _RollBack
        except _RollBack:
            pass
        return value  # type: ignore[return-value]

    def _observer(self, observer: own.Observer, query: str, args: Arguments) -> StoreObserver:
        registered = StoreObserver(observer, query, args, lambda it: self._observers.pop(id(it), None))
        self._observers[id(registered)] = registered
        return registered


class _RollBack(Exception):
    """The app wants nothing of a transaction."""


_SETTING = re.compile(r"\s*ALTER\s+SYSTEM\s+SET\s+(\w+)\s*(?:=|TO)\s*(\S+?)\s*;?\s*", re.IGNORECASE)


def _statement(query: str, args: Arguments, number: Optional[int] = None) -> Optional[Message]:
    """A statement as a message; None for a setting of the vendor's engine, which means nothing here. One that would
    change what statements mean is refused."""
    setting = _SETTING.fullmatch(query)
    if setting is None:
        return {"call": "execute", "statement": query, "args": args, "transaction": number}
    name, value = setting.groups()
    if name.upper() == "DQL_STRICT_MODE" and value.lower() not in ("false", "0", "off"):
        raise HeadwaterError("unsupported", "strict mode is chosen when a peer is opened: DittoConfig.strict = True")
    return None


def _result(answer: Message) -> QueryResult:
    return QueryResult(answer["items"], answer["mutated"])
