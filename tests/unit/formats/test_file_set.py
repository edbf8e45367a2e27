"""Split deliveries: all parts as one unit, or none of them."""

import io
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.unit.formats.fixed_file import FORMAT, RECORD, data
from tests.unit.formats.twins import twin

from renkei import formats
from renkei.errors import Stop
from renkei.formats import file_set, fixed
from renkei.model import Batch
from renkei.part.tape import write_tape

FORM: dict[str, Any] = {
    **FORMAT,
    "header_columns": [
        {"name": "MADE", "at": 2, "bytes": 8},
        {"name": "SEDAI", "at": 10, "bytes": 4},
        {"name": "RENBAN", "at": 14, "bytes": 2},
        {"name": "SOSU", "at": 16, "bytes": 2},
        {"name": "SOKENSU", "at": 18, "bytes": 8},
    ],
    "set": {"part": "RENBAN", "parts": "SOSU", "count_all": "SOKENSU", "same": ["SEDAI"]},
}
#: 田川: 2,000 and 1,181 records; the second file was never looked at.
COUNTS = (2000, 1181)
LIKE = data(0)


def part(
    number: int, *, of: int = 2, first: int = 1, count: int = 3, total: int | None = None, generation: int = 7
) -> bytes:
    """One part: its records are numbered on from ``first``."""
    records = [b"2%04d" % ((first + at) % 10_000) + LIKE[5:] for at in range(count)]
    header = b"120261120%04d%02d%02d%08d" % (generation, number, of, sum(COUNTS) if total is None else total)
    trailer = b"8%08d%015d" % (count, sum(int(each[1:5]) for each in records))
    return b"".join([header.ljust(RECORD), *records, trailer.ljust(RECORD)])


def parts() -> list[bytes]:
    return [part(1, count=COUNTS[0]), part(2, first=2001, count=COUNTS[1])]


def bound(contents: Sequence[bytes], folder: Path) -> Path:
    """The parts as the connectors bind them."""
    places = []
    for number, content in enumerate(contents):
        places.append(folder / f"part{number}")
        places[-1].write_bytes(content)
    made = io.BytesIO()
    write_tape(lambda raw: made.write(raw) and None, places)
    (folder / "set.tar").write_bytes(made.getvalue())
    return folder / "set.tar"


def read(contents: Sequence[bytes], folder: Path) -> Batch:
    return formats.read(bound(contents, folder), FORM, feed="tax.pension")


def refusal(contents: Sequence[bytes], folder: Path) -> Stop:
    with pytest.raises(Stop) as caught:
        read(contents, folder)
    return caught.value


def test_both_parts_are_one_delivery(tmp_path: Path) -> None:
    batch = read(parts(), tmp_path)

    assert (batch.records, batch.table.num_rows) == (3181, 3181)
    assert batch.table.column("__rec_no").to_pylist() == list(range(1, 3182))
    assert batch.control.header["RENBAN#2"] == "02"
    content = (tmp_path / "set.tar").read_bytes()
    for row in batch.table.slice(1999, 2).to_pylist():
        place = row["__byte_offset"]
        assert content[place + 1 : place + 5].decode() == row["BANGO"]


def test_the_second_part_that_nobody_confirmed_stops_the_delivery(tmp_path: Path) -> None:
    error = refusal(parts()[:1], tmp_path)

    assert (error.code, error.facts["stated"], error.facts["counted"]) == ("E_FILE_SET_PARTS", "02", 1)


def test_a_set_that_is_not_counted_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin(monkeypatch, file_set, ("    _check(parts, split, feed=feed)\n", ""))

    with pytest.raises(pytest.fail.Exception):
        test_the_second_part_that_nobody_confirmed_stops_the_delivery(tmp_path)


def test_parts_counted_each_alone_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = [part(1, count=COUNTS[0]), part(2, first=2001, count=COUNTS[1] - 1)]
    assert refusal(short, tmp_path).facts == {"feed": "tax.pension", "stated": "00003181", "counted": 3180}

    twin(monkeypatch, file_set, ("    for part in parts if split.count_all else ():", "    for part in ():"))

    assert read(short, tmp_path).records == 3180


@pytest.mark.parametrize(
    ("contents", "code", "numbers"),
    [
        ([], "E_FILE_SET_PARTS", (1, 0)),
        ([part(1, total=6), part(1, total=6)], "E_FILE_SET_PARTS", ("01", 2)),
        ([part(2, total=6), part(1, total=6)], "E_FILE_SET_PARTS", ("02", 1)),
        ([part(1, total=9), part(2, total=9), part(2, total=9)], "E_FILE_SET_PARTS", ("02", 3)),
        ([part(1, of=3, total=6), part(2, of=3, total=6)], "E_FILE_SET_PARTS", ("03", 2)),
        ([part(1, total=6), part(2, of=3, total=6)], "E_FILE_SET_PARTS", ("03", 2)),
        ([part(1, total=6), part(2, total=7)], "E_TRAILER_COUNT", ("00000007", 6)),
    ],
)
def test_a_part_missing_doubled_or_in_disorder_stops_them_all(
    contents: list[bytes], code: str, numbers: tuple[Any, Any], tmp_path: Path
) -> None:
    error = refusal(contents, tmp_path)

    assert (error.code, error.facts["stated"], error.facts["counted"]) == (code, *numbers)


def test_a_part_of_another_generation_stops_them_all(tmp_path: Path) -> None:
    error = refusal([part(1, total=6), part(2, total=6, generation=8)], tmp_path)

    assert (error.code, error.facts["field"], error.facts["part"]) == ("E_FILE_SET_FOREIGN", "SEDAI", 2)


def test_a_part_that_is_not_sound_says_which_one(tmp_path: Path) -> None:
    error = refusal([part(1), part(2)[:-RECORD]], tmp_path)

    assert (error.code, error.facts["part"]) == ("E_TRAILER_MISSING", 2)


def test_rejects_and_losses_are_numbered_through_the_set(tmp_path: Path) -> None:
    bad = part(2, count=40, total=43)
    at = RECORD * 2 + 5
    batch = read([part(1, total=43), bad[:at] + b"\xf0\x40" + bad[at + 2 :]], tmp_path)

    [reject] = batch.rejects.to_pylist()
    content = (tmp_path / "set.tar").read_bytes()
    assert reject["__rec_no"] == 5
    place = int(reject["detail"].removeprefix("byte="))
    assert content[place : place + 2] == b"\xf0\x40"
    assert place - reject["__byte_offset"] == 5
    assert batch.losses is not None
    assert batch.losses.column("records").to_pylist() == [[5]]


def test_a_tar_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = bound([part(1, total=6), part(2, total=6)], tmp_path).read_bytes()
    end = whole.rstrip(b"\0")
    codes = set()
    for length in [*range(0, len(end) + 1023, 53), len(end) + 1000]:
        (tmp_path / "cut.tar").write_bytes(whole[:length])
        with pytest.raises(Stop) as caught:
            formats.read(tmp_path / "cut.tar", FORM, feed="f")
        codes.add(caught.value.code)

    assert codes <= {"E_FILE_SET_BROKEN", "E_FILE_SET_PARTS", "E_RECORD_LENGTH", "E_TRAILER_MISSING"}


def test_bytes_behind_the_last_part_are_refused(tmp_path: Path) -> None:
    place = bound([part(1, total=6), part(2, total=6)], tmp_path)
    with place.open("ab") as file:
        file.write(b"x" * 512)

    with pytest.raises(Stop, match="E_FILE_SET_BROKEN"):
        formats.read(place, FORM, feed="f")


def test_a_member_that_is_a_link_is_no_part(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "odd.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        link = tarfile.TarInfo("0001")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)

    with pytest.raises(Stop, match="E_FILE_SET_PARTS"):
        formats.read(tmp_path / "odd.tar", FORM, feed="f")


def test_another_programs_tar_is_read_the_same(tmp_path: Path) -> None:
    import subprocess

    ours = read(parts(), tmp_path).table
    folder = tmp_path / "theirs"
    folder.mkdir()
    for number in (0, 1):
        shutil.copy(tmp_path / f"part{number}", folder / f"{number + 1:04d}")
    program = ["tar", "--format=ustar", "-cf", str(tmp_path / "gnu.tar"), "-C", str(folder), "0001", "0002"]
    subprocess.run(program, check=True)

    assert (
        formats.read(tmp_path / "gnu.tar", FORM, feed="f")
        .table.drop_columns(["__byte_offset"])
        .equals(ours.drop_columns(["__byte_offset"]))
    )


def test_the_declaration_is_sound(tmp_path: Path) -> None:
    assert list(fixed.problems(FORM, FORM["columns"], tmp_path)) == []
