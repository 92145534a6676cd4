"""What a write came to."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .port import Message, Port


class Written:
    """A write. It is durable here."""

    def __init__(self, port: Port, ids: List[Any], sequence: Optional[int]) -> None:
        self._port = port
        #: The documents that were written.
        self.ids = ids
        #: The number of its transaction here; None if there was nothing to do.
        self.sequence = sequence

    @property
    def id(self) -> Any:
        """The document's id: of an upsert there is always one."""
        return self.ids[0] if self.ids else None

    def committed(self, timeout: Optional[float] = None) -> Optional[int]:
        """Waits until the server has it, as ``sync.committed``; None if there was nothing to do."""
        if self.sequence is None:
            return None
        return read_verdict(self._port.wait(verdict("committed", timeout, self.sequence)))

    async def committed_async(self, timeout: Optional[float] = None) -> Optional[int]:
        """The same for an event loop."""
        if self.sequence is None:
            return None
        return read_verdict(await self._port.call_async(verdict("committed", timeout, self.sequence)))


class Executed(Written):
    """What a statement came to."""

    def __init__(self, port: Port, answer: Message) -> None:
        super().__init__(port, answer["mutated"], answer.get("sequence"))
        #: The rows of a SELECT, or what RETURNING says.
        self.items: List[Dict[str, Any]] = answer["items"]

    @property
    def mutated_document_ids(self) -> List[Any]:
        """The documents that were written or evicted."""
        return self.ids


def verdict(call: str, timeout: Optional[float], sequence: Optional[int] = None) -> Message:
    """Asks for the server's word, for some seconds or for ever."""
    request: Message = {"call": call, "timeout_ms": None if timeout is None else max(0, round(timeout * 1000))}
    return request if sequence is None else {**request, "sequence": sequence}


def read_verdict(answer: Message) -> Optional[int]:
    """The id of the transaction at the server, if it is known."""
    txn: Optional[int] = answer.get("txn")
    return txn
