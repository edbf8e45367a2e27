"""A delivery's records by the layout of its own day, which only the file itself may tell."""

from datetime import date
from pathlib import Path

from renkei import formats
from renkei.errors import Stop
from renkei.mapping.declaration import Mapping
from renkei.model import Batch


def read(path: Path, mapping: Mapping, *, day: date) -> Batch:
    """Read a file by the layout of ``day``, and again where its header names a day of another layout.

    Stop E_HEADER_DATE: read by its own day's layout it names a day of a third one.
    """
    used, batch = mapping.at(day), _read(path, mapping, day)
    if _is_of(mapping, batch, used):
        return batch
    own = batch.control.as_of
    assert own is not None  # without a day of its own a file is of the day given
    used, batch = mapping.at(own), _read(path, mapping, own)
    if not _is_of(mapping, batch, used):
        raise Stop("E_HEADER_DATE", feed=mapping.feed.id, field=used.feed.format.get("as_of", "as_of"))
    return batch


def _read(path: Path, mapping: Mapping, day: date) -> Batch:
    return formats.read(path, mapping.at(day).feed.format, feed=mapping.feed.id)


def _is_of(mapping: Mapping, batch: Batch, used: Mapping) -> bool:
    """True where the layout that a batch was read by is that of the day it names, or it names none."""
    own = batch.control.as_of
    return own is None or mapping.at(own).feed.format == used.feed.format
