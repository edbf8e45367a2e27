"""Small mappings and batches for tests: a feed in a few lines, rows as a text table."""

from datetime import date
from pathlib import Path

import pyarrow as pa

from renkei import mapping
from renkei.formats.layout import rejects_table
from renkei.model import Batch, Control, Mapped

CODES = Path(__file__).parents[3] / "mappings" / "codes"
DAY = date(2026, 11, 20)
HEAD = """system = "test"
title = "試験"
owner = "情報政策課"

[[feed]]
name = "people"
connector = "odbc"
connection = "test_odbc"
format = { kind = "arrow" }
delivers = "full"
schedule = "0 2 * * *"
record = "person"

[[feed.field]]
to = "source_key"
from = "bango"
"""


def field(to: str, source: str, steps: str = "[]", more: str = "") -> str:
    """One field of a feed."""
    return f'\n[[feed.field]]\nto = "{to}"\nfrom = {source}\nsteps = {steps}\n{more}\n'


def load(text: str, folder: Path, *, codes: Path = CODES) -> tuple[mapping.Mapping, ...]:
    """Load a mapping from its text."""
    path = folder / "test.toml"
    path.write_text(text, "utf-8")
    return mapping.load(path, codes=codes)


def batch(**columns: list[str | None]) -> Batch:
    """Raw records, numbered from 1."""
    rows = len(next(iter(columns.values())))
    positions = {
        "__rec_no": pa.array(range(1, rows + 1), pa.int64()),
        "__byte_offset": pa.array([number * 100 for number in range(1, rows + 1)], pa.int64()),
        "__byte_length": pa.array([100] * rows, pa.int64()),
    }
    texts = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    return Batch(
        feed="test.people",
        table=pa.table(positions | texts),
        rejects=rejects_table(()),
        records=rows,
        control=Control(),
    )


def mapped(fields: str, folder: Path, *, as_of: date = DAY, **columns: list[str | None]) -> Mapped:
    """Map raw columns (``bango`` numbers itself) by a feed of the given fields."""
    rows = len(next(iter(columns.values())))
    columns.setdefault("bango", [f"{number:03d}" for number in range(1, rows + 1)])
    [made] = load(HEAD + fields, folder)
    return mapping.apply(made, batch(**columns), as_of=as_of)


def reasons(result: Mapped) -> list[tuple[int, str, str]]:
    """Number, field and code of every record set aside."""
    return [(row["__rec_no"], row["field"], row["code"]) for row in result.rejects.to_pylist()]
