"""A small peer in a program: it writes to a store of its own first, without a network too, and syncs with a server when
there is one.

Not here: the vendor's names (``headwater.compat``); threads and life cycle (README.md).
"""

from .change import Change, ChangeMessage, MutableDocument, MutableField
from .codes import Code
from .collection import ByID, Collection
from .difference import LocalEvent
from .errors import HeadwaterError
from .find import Find
from .headwater import Headwater
from .observer import Events, Observer
from .store import Store
from .sync import Login, Rejected, Subscription, Sync
from .transaction import Transaction, TransactionCollection
from .written import Executed, Written

__all__ = [
    "ByID", "Change", "ChangeMessage", "Code", "Collection", "Events", "Executed", "Find", "Headwater", "HeadwaterError",
    "LocalEvent", "Login", "MutableDocument", "MutableField", "Observer", "Rejected", "Store", "Subscription", "Sync",
    "Transaction", "TransactionCollection", "Written",
]
__version__ = "0.1.0"
