"""A delivery in parts (分割ファイル): a POSIX tar of members 0001, 0002 …, read as one unit or not at all.

The headers of the parts say which part of how many each is. What they say, what the members are called and
what is there must agree; one part that is missing, doubled or from another delivery stops them all.
"""

import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from renkei import formats
from renkei.errors import Stop
from renkei.formats import losses
from renkei.formats.layout import in_groups, number, quotable
from renkei.model import BYTE_OFFSET, REC_NO, Batch, Control

_BLOCK, _CHUNK = 512, 1 << 20


@dataclass(frozen=True, kw_only=True)
class Set:
    """What the parts say of the set: ``part`` of ``parts`` in the header, ``same`` in each of them."""

    part: str
    parts: str
    count_all: str | None
    same: tuple[str, ...]


def set_of(declaration: Mapping[str, Any]) -> Set:
    """Read the declaration of a split delivery."""
    declared = declaration["set"]
    return Set(
        part=declared["part"],
        parts=declared["parts"],
        count_all=declared.get("count_all"),
        same=tuple(declared.get("same", ())),
    )


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read every part by its own format and prove that together they are the whole delivery."""
    split = set_of(declaration)
    inner = {name: value for name, value in declaration.items() if name != "set"}
    parts: list[Batch] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "part")
        for offset in _members(path, place, feed=feed):
            part = _part(place, inner, feed=feed, order=len(parts) + 1)
            parts.append(_moved(part, offset, before=sum(each.records for each in parts)))
    _check(parts, split, feed=feed)
    return _joined(parts, feed=feed)


def _members(path: Path, place: Path, *, feed: str) -> Iterator[int]:
    """Copy one member after the other to ``place``; where its bytes begin in the tar."""
    end = 0
    try:
        with tarfile.open(path, "r:") as tar:
            for order, member in enumerate(tar, start=1):
                if not member.isreg() or member.size < 0 or member.name != f"{order:04d}":
                    raise Stop("E_FILE_SET_PARTS", feed=feed, stated=order, counted=ascii(member.name)[:80])
                _copy(path, place, start=member.offset_data, size=member.size)
                end = member.offset_data + -(-member.size // _BLOCK) * _BLOCK
                yield member.offset_data
    except tarfile.TarError:
        raise Stop("E_FILE_SET_BROKEN", feed=feed) from None
    _check_end(path, end, feed=feed)


def _copy(path: Path, place: Path, *, start: int, size: int) -> None:
    with path.open("rb") as source, place.open("wb") as target:
        source.seek(start)
        while size and (data := source.read(min(_CHUNK, size))):
            target.write(data)
            size -= len(data)


def _check_end(path: Path, end: int, *, feed: str) -> None:
    """After the last member a tar ends in two empty blocks, and in nothing else."""
    with path.open("rb") as file:
        file.seek(end)
        length = 0
        while data := file.read(_CHUNK):
            length += len(data)
            if data.strip(b"\0"):
                raise Stop("E_FILE_SET_BROKEN", feed=feed)
    if length < 2 * _BLOCK:
        raise Stop("E_FILE_SET_BROKEN", feed=feed)


def _part(place: Path, inner: Mapping[str, Any], *, feed: str, order: int) -> Batch:
    try:
        return formats.read(place, inner, feed=feed)
    except Stop as refused:
        raise type(refused)(refused.code, **{**refused.facts, "part": order}) from None


def _moved(batch: Batch, offset: int, *, before: int) -> Batch:
    """The part's records with their numbers in the whole delivery and their places in the tar."""
    shifts = {REC_NO: before, BYTE_OFFSET: offset}
    rejects = _shifted(batch.rejects, shifts)
    details = pa.array([_place(each, offset) for each in rejects.column("detail").to_pylist()], pa.string())
    rejects = rejects.set_column(
        rejects.schema.get_field_index("detail"), rejects.schema.field("detail"), details
    )
    report = losses.Losses()
    for row in batch.losses.to_pylist() if batch.losses is not None else ():
        report.take({**row, "records": [each + before for each in row["records"]]})
    moved = {"table": _shifted(batch.table, shifts), "rejects": rejects, "losses": report.table()}
    return replace(batch, **moved)


def _shifted(table: pa.Table, shifts: Mapping[str, int]) -> pa.Table:
    for name, by in shifts.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pc.add(table.column(at), by))
    return table


def _place(detail: str, offset: int) -> str:
    """A place in the part, as a place in the tar."""
    return re.sub(r"\bbyte=([0-9]+)", lambda found: f"byte={int(found[1]) + offset}", detail)


def _check(parts: Sequence[Batch], split: Set, *, feed: str) -> None:
    """What each header says of the set, what the others say, and what is there are the same."""
    for order, part in enumerate(parts, start=1):
        header = part.control.header
        for stated, counted in ((header[split.parts], len(parts)), (header[split.part], order)):
            if number(stated) != counted:
                raise Stop("E_FILE_SET_PARTS", feed=feed, stated=quotable(stated), counted=counted)
        for name in split.same:
            if header[name] != parts[0].control.header[name]:
                raise Stop("E_FILE_SET_FOREIGN", feed=feed, field=name, part=order)
        if part.control.as_of != parts[0].control.as_of:
            raise Stop("E_FILE_SET_FOREIGN", feed=feed, field="as_of", part=order)
    if not parts:
        raise Stop("E_FILE_SET_PARTS", feed=feed, stated=1, counted=0)
    _check_count(parts, split, feed=feed)


def _check_count(parts: Sequence[Batch], split: Set, *, feed: str) -> None:
    """The count over the whole delivery, as every part that states it says."""
    counted = sum(part.records for part in parts)
    for part in parts if split.count_all else ():
        stated = {**part.control.header, **part.control.trailer}[str(split.count_all)]
        if number(stated) != counted:
            raise Stop("E_TRAILER_COUNT", feed=feed, stated=quotable(stated), counted=counted)


def _joined(parts: Sequence[Batch], *, feed: str) -> Batch:
    control = Control(
        header=in_groups([part.control.header for part in parts]),
        trailer=in_groups([part.control.trailer for part in parts]),
        as_of=parts[0].control.as_of,
    )
    return Batch(
        feed=feed,
        table=pa.concat_tables([part.table for part in parts]),
        rejects=pa.concat_tables([part.rejects for part in parts]),
        records=sum(part.records for part in parts),
        control=control,
        losses=losses.merged([part.losses for part in parts if part.losses is not None]),
        strangers=tuple(dict.fromkeys(name for part in parts for name in part.strangers)),
    )
