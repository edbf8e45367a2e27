"""Acceptance of a migration (移行検証): the old system's records against the new one's, row by row.

``load(folder, name, codes=tables)`` reads a declaration, ``check`` compares two snapshots by it, ``report``
writes what was found. A declaration says what counts as equal, what was not carried over and why, and how
many differences are accepted, why and by whom; whatever it does not speak of must be equal.
"""

from renkei.acceptance.check import Checked, State, check
from renkei.acceptance.declaration import Migration, load, names

__all__ = ["Checked", "Migration", "State", "check", "load", "names"]
