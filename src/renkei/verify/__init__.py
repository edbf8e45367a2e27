"""Does a target still hold what a feed brought? And which keys do two feeds not share?

Read-only and without a database of its own: who asks hands over the two sides, and says whose keys may be
named. Nobody who is restricted is named; they are counted.
"""

from renkei.verify.beside import Outcome, Whom, beside
from renkei.verify.key_sets import KeySets, Named, On, key_sets
from renkei.verify.result import Finding, Verified
from renkei.verify.side import Side, counted, of_state, with_hash

__all__ = [
    "Finding",
    "KeySets",
    "Named",
    "On",
    "Outcome",
    "Side",
    "Verified",
    "Whom",
    "beside",
    "counted",
    "key_sets",
    "of_state",
    "with_hash",
]
