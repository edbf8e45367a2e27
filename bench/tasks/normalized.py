"""Twelve fields of raw records: the engine's plan block by block, the engine whole, and a loop over rows."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench.child import Done, Runs
from bench.desk import ROOT, Desk
from bench.tasks import by_row, people
from renkei import mapping as mappings
from renkei.formats.layout import rejects_table
from renkei.mapping.compile import BLOCK
from renkei.model import REC_NO, Batch, Control

#: What both ways make; the parts of a date and of an address stand beside it.
FIELDS = (
    "source_key", "full_name", "name_key", "name_loose_key", "full_name_kana", "kana_key", "kana_loose_key",
    "sex", "date_of_birth", "date_of_birth_lo", "date_of_birth_hi", "date_of_birth_precision", "moved_in_on",
    "address_key", "address_key_town", "address_key_block", "address_key_number", "address_key_branch",
    "address_key_level", "postal_code",
)  # fmt: skip


def _mapping() -> mappings.Mapping:
    [made] = mappings.load(ROOT / "bench" / "tasks" / "people.toml", codes=ROOT / "mappings" / "codes")
    return made


def _ready(desk: Desk) -> mappings.Mapping:
    """The mapping with its tables of towns and folds loaded, as the loop has them."""
    mapping = _mapping()
    mappings.apply(mapping, _batch(people.block(0, 1000)), as_of=desk.day)
    return mapping


def _blocks(place: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(place) as file:
        for batch in file.iter_batches(batch_size=BLOCK):
            yield pa.Table.from_batches([batch])


def _batch(table: pa.Table) -> Batch:
    return Batch(
        feed="bench.people", table=table, rejects=rejects_table(()), records=table.num_rows, control=Control()
    )


def by_blocks(desk: Desk, *, rows: int) -> Runs:
    """The engine over one block after the other, each written away: memory does not grow with the rows."""
    mapping = _ready(desk)
    while True:
        yield partial(_by_blocks, mapping, desk, rows)


def _by_blocks(mapping: mappings.Mapping, desk: Desk, rows: int) -> Done:
    aside = 0
    with _written(desk) as sink:
        for table in _blocks(people.place(desk, rows)):
            mapped = mappings.apply(mapping, _batch(table), as_of=desk.day)
            aside += mapped.rejects.num_rows
            sink.write(mapped.records)
    return Done(rows=rows, facts={"set_aside": aside, "fields": len(mapping.fields)})


def whole(desk: Desk, *, rows: int) -> Runs:
    """The engine over one delivery, raw records and result in memory, as a run of a feed has them."""
    mapping = _ready(desk)
    while True:
        yield partial(_whole, mapping, desk, rows)


def _whole(mapping: mappings.Mapping, desk: Desk, rows: int) -> Done:
    mapped = mappings.apply(mapping, _batch(pq.read_table(people.place(desk, rows))), as_of=desk.day)
    return Done(
        rows=rows, facts={"set_aside": mapped.rejects.num_rows, "result_mb": mapped.records.nbytes >> 20}
    )


def by_rows(desk: Desk, *, rows: int, sample: int) -> Runs:
    """The same twelve fields, one record after the other, in Python; ``differing`` are counted first."""
    facts = _differing(desk, rows, sample)
    while True:
        yield partial(_by_rows, desk, rows, sample, facts)


def _by_rows(desk: Desk, rows: int, sample: int, facts: dict[str, Any]) -> Done:
    done = 0
    with _written(desk) as sink:
        for table in _sampled(people.place(desk, rows), sample):
            made = _looped(table)
            done += table.num_rows
            sink.write(made)
    return Done(rows=done, facts=facts)


def _sampled(place: Path, sample: int) -> Iterator[pa.Table]:
    for table in islice(_blocks(place), -(-sample // BLOCK)):
        yield table.slice(0, min(sample, table.num_rows))
        sample -= table.num_rows


def _looped(table: pa.Table) -> pa.Table:
    """Records without a fault: number, then the fields."""
    columns = [table.column(name).to_pylist() for name in (REC_NO, *people.COLUMNS)]
    made = [values for record in zip(*columns, strict=True) if (values := by_row.record(*record))]
    names = (REC_NO, *FIELDS)
    return pa.table(dict(zip(names, zip(*made, strict=True), strict=True)), schema=_schema())


def _schema() -> pa.Schema:
    dates = {"date_of_birth", "date_of_birth_lo", "date_of_birth_hi", "moved_in_on"}
    kinds = {name: pa.date32() if name in dates else pa.string() for name in FIELDS}
    return pa.schema({REC_NO: pa.int64(), **kinds})


def _differing(desk: Desk, rows: int, sample: int) -> dict[str, Any]:
    """Records that only one way sets aside, and those with a value that differs; and in which fields."""
    mapping, differing, fields = _mapping(), 0, dict.fromkeys(FIELDS, 0)
    for table in _sampled(people.place(desk, rows), sample):
        engine = pl.DataFrame(mappings.apply(mapping, _batch(table), as_of=desk.day).records)
        both = engine.join(pl.DataFrame(_looped(table)), on=REC_NO, how="full", suffix="_loop", coalesce=True)
        apart = both.select(pl.col(name).ne_missing(pl.col(f"{name}_loop")) for name in FIELDS)
        differing += apart.select(pl.any_horizontal(pl.all())).sum().item()
        fields = {name: count + int(apart[name].sum()) for name, count in fields.items()}
    return {"compared": sample, "differing": differing} | {
        f"differing_{name}": count for name, count in fields.items() if count
    }


class _written:  # noqa: N801 - read as a verb
    """Tables of one schema go to a scratch file."""

    def __init__(self, desk: Desk) -> None:
        self._place = desk.folder / "normalized.arrow"
        self._file: pa.ipc.RecordBatchFileWriter | None = None

    def __enter__(self) -> "_written":
        return self

    def write(self, table: pa.Table) -> None:
        """The first table says the schema."""
        self._file = self._file or pa.ipc.new_file(self._place, table.schema)
        self._file.write_table(table)

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()
        self._place.unlink(missing_ok=True)
