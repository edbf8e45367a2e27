"""Two tables compared in full: keys that only one side has, keys that repeat, and every differing cell.

``compare(left, right, keys=(...), scratch=folder)`` opens a :class:`Comparison`; see
:mod:`renkei.comparison.tables`.
"""

from renkei.comparison.result import Counts, FieldCount
from renkei.comparison.tables import Comparison, Table, compare

__all__ = ["Comparison", "Counts", "FieldCount", "Table", "compare"]
