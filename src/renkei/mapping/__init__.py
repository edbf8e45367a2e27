"""Mapping files → typed records: load and check a declaration, apply it to a batch.

``load(path, codes=folder)`` gives a mapping for each feed of a file, ``load_all(folder)`` of all of them;
``apply(mapping, batch, as_of=day)`` maps.
"""

from __future__ import annotations

from datetime import date

from renkei.mapping.declaration import Mapping, load, load_all
from renkei.mapping.problems import Problem, Problems
from renkei.model import Batch, Mapped

__all__ = ["Mapping", "Problem", "Problems", "apply", "load", "load_all"]


def apply(mapping: Mapping, batch: Batch, *, as_of: date) -> Mapped:
    """Map one batch for the day it speaks for; see :mod:`renkei.mapping.compile`."""
    from renkei.mapping import compile as plan

    return plan.apply(mapping, batch, as_of=as_of)
