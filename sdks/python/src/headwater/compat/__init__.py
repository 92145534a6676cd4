"""The vendor's names for the same things, so that an app changes its import and where its server is. The vendor has no
Python: these are the names of its JavaScript in Python's spelling, and the calls wait as those of its Rust do.

Not here: attachments, peers without a server, other identities.
"""

from ..errors import HeadwaterError as DittoError
from .auth import AuthenticationStatus, Authenticator
from .collection import Collection, PendingCollectionsOperation, PendingCursorOperation, PendingIDSpecificOperation
from .config import DittoConfig, Identity
from .ditto import Ditto, init
from .documents import (
    Counter, Document, DocumentID, DocumentPath, MutableDocument, MutableDocumentPath, Register,
)
from .events import LiveQuery, LiveQueryEvent, LiveQueryMove, SingleDocumentLiveQueryEvent
from .logger import Logger
from .presence import Peer, Presence, PresenceGraph
from .store import DQLTransaction, QueryResult, QueryResultItem, Store, StoreObserver
from .sync import Sync, SyncSubscription
from .sync import SyncSubscription as Subscription
from .transport import TransportConfig
from .write import (
    UpdateResult, UpdateResultsMap, WriteTransaction, WriteTransactionCollection, WriteTransactionPendingCursorOperation,
    WriteTransactionPendingIDSpecificOperation, WriteTransactionResult,
)

__all__ = [
    "AuthenticationStatus", "Authenticator", "Collection", "Counter", "DQLTransaction", "Ditto", "DittoConfig", "DittoError",
    "Document", "DocumentID", "DocumentPath", "Identity", "LiveQuery", "LiveQueryEvent", "LiveQueryMove", "Logger",
    "MutableDocument", "MutableDocumentPath", "Peer", "PendingCollectionsOperation", "PendingCursorOperation",
    "PendingIDSpecificOperation", "Presence", "PresenceGraph", "QueryResult", "QueryResultItem", "Register",
    "SingleDocumentLiveQueryEvent", "Store", "StoreObserver", "Subscription", "Sync", "SyncSubscription", "TransportConfig",
    "UpdateResult", "UpdateResultsMap", "WriteTransaction", "WriteTransactionCollection",
    "WriteTransactionPendingCursorOperation", "WriteTransactionPendingIDSpecificOperation", "WriteTransactionResult",
    "init",
]
