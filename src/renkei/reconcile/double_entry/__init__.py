"""Double entry (二重入力): what people keyed, who keyed it again, and the minutes that it cost.

``entries`` makes the relation ``hub.entry`` that the rules read; ``summary`` adds up what they found.
"""

from renkei.reconcile.double_entry.entries import entries
from renkei.reconcile.double_entry.offices import NO_OFFICES, Offices
from renkei.reconcile.double_entry.robots import SuspectedRobot, suspected_robots
from renkei.reconcile.double_entry.summary import (
    DoubleEntrySummary,
    Lost,
    Saving,
    found_query,
    lost_by_field,
    summary,
)

__all__ = [
    "NO_OFFICES",
    "DoubleEntrySummary",
    "Lost",
    "Offices",
    "Saving",
    "SuspectedRobot",
    "entries",
    "found_query",
    "lost_by_field",
    "summary",
    "suspected_robots",
]
