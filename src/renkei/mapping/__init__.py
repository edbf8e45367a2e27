"""Mapping files → typed records: load and check a declaration, apply it to a batch.

``load(path, codes=folder)`` gives a mapping for each feed of a file, ``load_all(folder)`` of all of them;
``apply(mapping, batch, as_of=day)`` maps.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.mapping.declaration import Mapping, load, load_all
from renkei.mapping.problems import Problem, Problems
from renkei.mapping.ranks import ranked
from renkei.model import Batch, Mapped

if TYPE_CHECKING:
    import pyarrow as pa

    from renkei.snapshot import Snapshot

__all__ = [
    "Mapping",
    "Problem",
    "Problems",
    "apply",
    "hold_odd_size",
    "load",
    "load_all",
    "ranked",
    "read",
    "recalled",
]


def apply(
    mapping: Mapping, batch: Batch, *, as_of: date, is_delivery: bool = True, known: pa.Table | None = None
) -> Mapped:
    """Map one batch for the day it speaks for; see :mod:`renkei.mapping.compile`."""
    from renkei.mapping import compile as plan

    return plan.apply(mapping, batch, as_of=as_of, is_delivery=is_delivery, known=known)


def recalled(
    mapping: Mapping, batch: Batch, state: Snapshot | None, *, as_of: date
) -> tuple[Batch, pa.Table | None]:
    """The batch with its records' digests, and which of them a state was made from already."""
    from renkei.mapping import recall

    digested = replace(batch, table=recall.with_digests(mapping, batch, as_of=as_of))
    return digested, state and recall.known(mapping, digested.table, state, as_of=as_of)


def read(path: Path, mapping: Mapping, *, day: date) -> Batch:
    """Read a delivery by the layout of its own day, ``day`` unless it names one."""
    from renkei.mapping import reading

    return reading.read(path, mapping, day=day)


def hold_odd_size(mapping: Mapping, batch: Batch, *, as_of: date) -> None:
    """Raise Hold where a delivery, read whole, has fewer or more records than its feed says it may."""
    from renkei.mapping import expectations

    expectations.hold_odd_size(mapping, batch, as_of=as_of)
