"""What the hub has of a table: every key, and the hash of its row. One file, named by its own hash."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from renkei.part import disk_errors

HASH = "__hash"
_BETWEEN = "\x1f"


def load(folder: Path, feed: str, digest: str, keys: Sequence[str]) -> pa.Table | None:
    """The rows under this hash; None when the file is missing, damaged, or of another key."""
    try:
        data = _place(folder, feed, digest).read_bytes()
    except FileNotFoundError:
        return None
    if hashlib.sha256(data).hexdigest() != digest:
        return None
    table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
    return table if table.column_names == [*keys, HASH] else None


def save(table: pa.Table, folder: Path, feed: str) -> str:
    """Write the rows down and give the name they have now."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    data = sink.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    place = _place(folder, feed, digest)
    fresh = place.with_suffix(".new")
    with disk_errors(fresh):
        fresh.write_bytes(data)
    fresh.rename(place)
    return digest


def _place(folder: Path, feed: str, digest: str) -> Path:
    return folder / f"{feed}.{digest}.known"


def schema(keys: Sequence[str]) -> pa.Schema:
    """Key columns and the row's hash."""
    return pa.schema([(name, pa.string()) for name in (*keys, HASH)])


def missing_from(these: pa.Table, those: pa.Table) -> pa.Table:
    """The rows of ``these`` whose key is not among those of ``those``."""
    return these.filter(pc.invert(pc.is_in(_keys(these), value_set=_keys(those))))


def differ(these: pa.Table, those: pa.Table) -> pa.Array:
    """True for each row of ``these`` that ``those`` does not hold with the same key and the same hash."""
    places = pc.index_in(_keys(these), value_set=_keys(those))
    same = pc.equal(those[HASH].combine_chunks().take(places), these[HASH].combine_chunks())
    return pc.invert(pc.fill_null(same, fill_value=False))


def replaced(known: pa.Table, changed: pa.Table, gone: pa.Table) -> pa.Table:
    """What is known once the changed rows are taken in and the gone ones given up."""
    kept = missing_from(missing_from(known, changed), gone)
    return pa.concat_tables([kept, changed]).sort_by([(name, "ascending") for name in known.column_names])


def doubled(table: pa.Table) -> int:
    """How many rows share their key with another, or have none."""
    keys = _keys(table)
    return int(len(keys) - pc.count_distinct(keys).as_py())


def _keys(table: pa.Table) -> pa.Array:
    names = [name for name in table.column_names if name != HASH]
    joined = pc.binary_join_element_wise(*(table[name] for name in names), _BETWEEN)
    return joined.combine_chunks()
