"""The error codes: what ``HeadwaterError.code`` may be.

Made of sdks/calls.json by `cargo xtask sdk generate`. Numbers and texts never change.
"""

from typing import Dict, Final


class Code:
    """What ``HeadwaterError.code`` may be. A newer library may have others."""

    #: the peer is closed
    CLOSED: Final = "closed"
    #: a message is none: its bytes, a name, a type, what is missing or too much
    INVALID_MESSAGE: Final = "invalid_message"
    #: this library does not know the call, the option or the list of calls
    UNSUPPORTED: Final = "unsupported"
    #: another process has the folder open
    IN_USE: Final = "in_use"
    #: the folder cannot be opened or made
    OPEN_FAILED: Final = "open_failed"
    #: what is stored is damaged, or a newer program's
    DAMAGED: Final = "damaged"
    #: the store cannot be read or written: a full disk or quota, say; nothing of the write is there
    STORE_FAILED: Final = "store_failed"
    #: a statement, a query or its arguments are none
    INVALID_QUERY: Final = "invalid_query"
    #: a query would take too long or too much memory
    TOO_EXPENSIVE: Final = "too_expensive"
    #: a value can be no document, id, path, name or change
    INVALID_VALUE: Final = "invalid_value"
    #: an INSERT of a document that is there
    EXISTS: Final = "exists"
    #: what a peer does not do: write a system collection, make an index
    NOT_ALLOWED: Final = "not_allowed"
    #: a document or transaction that would not fit into a frame
    TOO_LARGE: Final = "too_large"
    #: too much waits for the server: sync first
    PENDING_FULL: Final = "pending_full"
    #: more observers or subscriptions than there may be
    TOO_MANY: Final = "too_many"
    #: sync or a login was asked for, and no server is named
    NO_SERVER: Final = "no_server"
    #: the URL of the server, its app or a certificate is none
    INVALID_SERVER: Final = "invalid_server"
    #: the server refused the write, which is among the rejected ones, or the login
    REJECTED: Final = "rejected"
    #: nothing came within the time; it may still come
    TIMED_OUT: Final = "timed_out"
    #: a call within a transaction that would wait for itself
    IN_TRANSACTION: Final = "in_transaction"
    #: there is no such transaction, or it was ended because nothing came of it
    NO_TRANSACTION: Final = "no_transaction"
    #: a fault of the library; what was durable is there
    INTERNAL: Final = "internal"
    #: the browser's tab that had the store went away; whether a write is there is not known
    INTERRUPTED: Final = "interrupted"
    #: the server has no such attachment, or not for this user
    NOT_FOUND: Final = "not_found"


#: As the functions of the C ABI return them.
NUMBERS: Final[Dict[str, int]] = {
    "closed": 1,
    "invalid_message": 2,
    "unsupported": 3,
    "in_use": 4,
    "open_failed": 5,
    "damaged": 6,
    "store_failed": 7,
    "invalid_query": 8,
    "too_expensive": 9,
    "invalid_value": 10,
    "exists": 11,
    "not_allowed": 12,
    "too_large": 13,
    "pending_full": 14,
    "too_many": 15,
    "no_server": 16,
    "invalid_server": 17,
    "rejected": 18,
    "timed_out": 19,
    "in_transaction": 20,
    "no_transaction": 21,
    "internal": 22,
    "interrupted": 23,
    "not_found": 24,
}
