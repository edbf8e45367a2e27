"""Which records of a delivery say what the feed's present state was made from: they need no mapping again.

A record is known by a digest of its raw values, of the mapping and of the days between which the mapping says
the same. Equal digests give equal mapped records, so what is known stands as the state has it.
"""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from renkei.engine.workbench import workbench
from renkei.mapping import segments
from renkei.mapping.declaration import Mapping
from renkei.model import REC_NO, TOLD_AS, Batch
from renkei.snapshot import Snapshot

#: Before each raw value stands its length, so that no two lists of values are written alike.
_VALUE = "coalesce(strlen({name}) || ':' || {name}, '-')"


def with_digests(mapping: Mapping, batch: Batch, *, as_of: date) -> pa.Table:
    """The batch's raw table with :data:`~renkei.model.TOLD_AS`, 16 bytes a record."""
    there = mapping.at(as_of)
    names = [name for name in _read(mapping) if name in batch.table.column_names]
    segment = segments.segment_of(as_of, segments.turns(mapping))
    values = ", ".join(_VALUE.format(name='"' + name.replace('"', '""') + '"') for name in names)
    query = f"SELECT unhex(md5(concat('{there.digest}', '|{segment}|', {values}))) AS told_as FROM raw"
    with workbench() as bench:
        bench.register("raw", batch.table.select(names))
        made = bench.sql(query).to_arrow_table()["told_as"]
    return batch.table.append_column(TOLD_AS, made.cast(pa.binary()))


def _read(mapping: Mapping) -> tuple[str, ...]:
    """Raw columns that the mapping reads on any day, in order of first use."""
    every = [mapping, *(version for _, version in mapping.versions)]
    return tuple(dict.fromkeys(name for each in every for name in each.raw_columns))


def known(mapping: Mapping, table: pa.Table, snapshot: Snapshot, *, as_of: date) -> pa.Table | None:
    """Of records with their digests, those that the state has: ``__rec_no, source_key`` and what is expected.

    None where nothing is, and where the feed's contract sets records aside that look odd among the others.
    """
    there = mapping.at(as_of)
    if TOLD_AS not in snapshot.names or there.contract.mode == "quarantine":
        return None
    names = dict.fromkeys(["source_key", *(each.field for each in there.expect)])
    with workbench() as bench:
        bench.register("raw", table.select([REC_NO, TOLD_AS]))
        rows = snapshot.rows([*names, TOLD_AS])
        chosen = ", ".join(f's."{name}"' for name in names)
        query = f"SELECT r.{REC_NO}, {chosen} FROM raw AS r JOIN ({rows}) AS s USING ({TOLD_AS})"
        found = bench.sql(query).to_arrow_table()
    return found if found.num_rows else None


def without(table: pa.Table, known_rows: pa.Table) -> pa.Table:
    """The raw records that are not known."""
    return table.filter(pc.invert(pc.is_in(table[REC_NO], value_set=known_rows[REC_NO].combine_chunks())))
