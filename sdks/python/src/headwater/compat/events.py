"""What observers of the legacy language are told, by the vendor's names."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional

from .. import observer as own
from ..difference import LocalEvent, difference
from ..errors import call_out
from ..observer import observe
from ..port import Message, Port
from .documents import Document


@dataclass(frozen=True)
class LiveQueryMove:
    """From and to where a document moved. (``from`` is no name in Python.)"""

    from_: int
    to: int


class LiveQueryEvent:
    """What is different from the documents before. Places of deletions are in ``old_documents``."""

    def __init__(self, event: LocalEvent) -> None:
        self.is_initial = event.is_initial
        self.old_documents = [Document(it) for it in event.old_documents]
        self.insertions = event.insertions
        self.deletions = event.deletions
        self.updates = event.updates
        self.moves = [LiveQueryMove(*it) for it in event.moves]


@dataclass(frozen=True)
class SingleDocumentLiveQueryEvent:
    """The same of one document."""

    is_initial: bool
    old_document: Optional[Document]


class Observer:
    """What is told until it is stopped."""

    def __init__(self, end: Callable[[], object]) -> None:
        self._end = end

    def stop(self) -> None:
        """Ends it."""
        self._end()

    def cancel(self) -> None:
        """The same."""
        self._end()


class LiveQuery:
    """One who is told of documents."""

    def __init__(self, observer: own.Observer) -> None:
        self._observer = observer

    @property
    def is_stopped(self) -> bool:
        """Whether it was ended."""
        return self._observer.is_cancelled

    def stop(self) -> None:
        """Ends it."""
        self._observer.cancel()

    def cancel(self) -> None:
        """The same."""
        self._observer.cancel()


Tell = Callable[[Message, Callable[[], None]], object]


class _Paced:
    """Tells an event when the one before is done with. What comes meanwhile is told once."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._waiting: Optional[Message] = None
        self._is_busy = False
        self.is_ended: Callable[[], bool] = lambda: False

    def take(self, event: Message) -> None:
        with self._lock:
            self._waiting = event
        self._go()

    def _go(self) -> None:
        with self._lock:
            event = self._waiting
            if self._is_busy or event is None or self.is_ended():
                return
            self._is_busy, self._waiting = True, None
        is_done = False

        def signal_next() -> None:
            nonlocal is_done
            with self._lock:
                if is_done:
                    return
                is_done, self._is_busy = True, False
            self._go()

        call_out(self._tell, event, signal_next)


def observe_paced(port: Port, request: Message, tell: Tell) -> own.Observer:
    """Has ``tell`` called with each event, but not before it said by ``signal_next`` that it is done with the one
    before: the next one is told on the thread that says so."""
    paced = _Paced(tell)
    observer = observe(port, request, paced.take)
    watch = observer._watch
    paced.is_ended = lambda: watch.is_cancelled
    return observer


def observe_local(
    port: Port, request: Message, handler: Callable[[List[Document], LiveQueryEvent, Callable[[], None]], object],
    is_paced: bool,
) -> LiveQuery:
    """Observes documents of the legacy language."""
    before: Optional[List[Dict[str, Any]]] = None

    def tell(event: Message, signal_next: Callable[[], None]) -> None:
        nonlocal before
        documents: List[Dict[str, Any]] = event["documents"]
        change, before = LiveQueryEvent(difference(before, documents)), documents
        handler([Document(it) for it in documents], change, signal_next)

    watch = {"watch": "find", **request}
    if is_paced:
        return LiveQuery(observe_paced(port, watch, tell))
    return LiveQuery(observe(port, watch, lambda event: tell(event, lambda: None)))
