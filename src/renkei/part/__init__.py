"""Files under way, here and at the other side: written beside their place, proved, and named when whole."""

from renkei.part.ahead import read_ahead, write_ahead
from renkei.part.fetch import Fetched, Shelf, fetch_new
from renkei.part.offer import Offered, Rack, offer, offered_of, standing
from renkei.part.unfinished import (
    HashedFile,
    Unfinished,
    disk_errors,
    forget_others,
    held,
    publish,
    stem_of,
    sync_folder,
)

__all__ = [
    "Fetched",
    "HashedFile",
    "Offered",
    "Rack",
    "Shelf",
    "Unfinished",
    "disk_errors",
    "fetch_new",
    "forget_others",
    "held",
    "offer",
    "offered_of",
    "publish",
    "read_ahead",
    "standing",
    "stem_of",
    "sync_folder",
    "write_ahead",
]
