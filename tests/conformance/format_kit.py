"""What every kind of file owes the hub, read and written.

A kind is found in ``formats.KINDS``; ``tests/conformance/formats/<kind>.py`` offers it with ``SAMPLES``. A
sample's ``data``, where it has some, was made by another program than ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from renkei import formats
from renkei.errors import RenkeiError
from renkei.model import BYTE_LENGTH, BYTE_OFFSET, LOSS_SCHEMA, REC_NO, REJECT_SCHEMA, Batch

POSITION = (REC_NO, BYTE_OFFSET, BYTE_LENGTH)
FEED = "sample.file"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One file: how it is declared, its records as read, and header values that nothing computes."""

    name: str
    declaration: Mapping[str, Any]
    table: pa.Table
    control: Mapping[str, str] = field(default_factory=dict)
    data: bytes | None = None
    writes: bool = True


Check = Callable[[Sample, Path], None]


def what_is_written_reads_back(sample: Sample, folder: Path) -> None:
    """Every value as it was; nothing set aside, and nothing changed that is not told."""
    if not sample.writes:
        return
    path, written = _written(sample, folder)
    assert written.records == sample.table.num_rows
    assert (written.rejects.num_rows, written.losses.num_rows) == (0, 0)
    assert path.stat().st_size == written.bytes
    batch = formats.read(path, sample.declaration, feed=FEED)
    assert _values(batch) == sample.table.to_pylist()
    assert batch.records == sample.table.num_rows


def another_programs_bytes_come_through_and_back(sample: Sample, folder: Path) -> None:
    """Read to the same values; written again they are the same bytes, or the loss report says why not."""
    if sample.data is None:
        return
    theirs = folder / "theirs"
    theirs.write_bytes(sample.data)
    batch = formats.read(theirs, sample.declaration, feed=FEED)
    assert _values(batch) == sample.table.to_pylist()
    if sample.writes:
        ours, written = _written(sample, folder)
        told = written.losses.num_rows + (batch.losses.num_rows if batch.losses else 0)
        assert ours.read_bytes() == sample.data or told


def a_file_cut_at_any_byte_is_never_taken_for_a_whole_one(sample: Sample, folder: Path) -> None:
    """A coded error, or as many records as before; never fewer without a word."""
    whole = _bytes(sample, folder)
    place = folder / "cut"
    for length in _places(len(whole)):
        place.write_bytes(whole[:length])
        batch = _read(place, sample)
        assert batch is None or batch.records == sample.table.num_rows, f"cut at {length}"


def a_changed_byte_never_changes_the_count_without_a_word(sample: Sample, folder: Path) -> None:
    """One bit flipped: refused, set aside, or one value different; every record is still accounted for."""
    whole = _bytes(sample, folder)
    place = folder / "flipped"
    for position in _places(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 0x01 << (position % 8)
        place.write_bytes(flipped)
        batch = _read(place, sample)
        if batch is not None:
            assert batch.records == sample.table.num_rows, f"byte {position}"
            assert batch.table.num_rows + batch.rejects.num_rows == batch.records


def equal_bytes_give_equal_batches(sample: Sample, folder: Path) -> None:
    """The same file twice is the same table, its losses too."""
    place = folder / "twice"
    place.write_bytes(_bytes(sample, folder))
    first, second = (formats.read(place, sample.declaration, feed=FEED) for _ in range(2))
    assert first.table.equals(second.table)
    assert first.rejects.schema.equals(REJECT_SCHEMA)
    assert (first.losses is None) == (second.losses is None)
    if first.losses is not None and second.losses is not None:
        assert first.losses.equals(second.losses)
        assert first.losses.schema.equals(LOSS_SCHEMA)


def every_record_has_its_number(sample: Sample, folder: Path) -> None:
    """``__rec_no`` counts from 1 (or the record's place in the file), each once, and the columns are text."""
    place = folder / "numbered"
    place.write_bytes(_bytes(sample, folder))
    table = formats.read(place, sample.declaration, feed=FEED).table
    numbers = table.column(REC_NO).to_pylist()
    assert numbers == sorted(set(numbers))
    assert all(number >= 1 for number in numbers)
    assert {table.schema.field(name).type for name in table.column_names if name not in POSITION} <= {
        pa.string()
    }


CHECKS: tuple[Check, ...] = (
    what_is_written_reads_back,
    another_programs_bytes_come_through_and_back,
    a_file_cut_at_any_byte_is_never_taken_for_a_whole_one,
    a_changed_byte_never_changes_the_count_without_a_word,
    equal_bytes_give_equal_batches,
    every_record_has_its_number,
)


def _written(sample: Sample, folder: Path) -> tuple[Path, formats.Written]:
    path = folder / "ours"
    written = formats.write(sample.table, sample.declaration, path, feed=FEED, control=sample.control)
    return path, written


def _bytes(sample: Sample, folder: Path) -> bytes:
    return sample.data if sample.data is not None else _written(sample, folder)[0].read_bytes()


def _places(length: int) -> range:
    """Every byte of a short file, some 400 of a long one."""
    return range(0, length, max(1, length // 400))


def _read(place: Path, sample: Sample) -> Batch | None:
    try:
        return formats.read(place, sample.declaration, feed=FEED)
    except RenkeiError:
        return None


def _values(batch: Batch) -> list[dict[str, Any]]:
    return batch.table.drop_columns(
        [name for name in POSITION if name in batch.table.column_names]
    ).to_pylist()
