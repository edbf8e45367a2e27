"""Sound files, damaged at random: refused with a code, or read so that every number still agrees.

A case that once went wrong is kept in ``corpus/`` as ``<sample>.<what>.bin`` and is read first.
"""

import csv
import io
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conformance.formats import csv as csvs
from tests.conformance.formats import fixed as fixeds
from tests.conformance.formats import zengin as zengins
from tests.unit.formats.twins import twin

from renkei import formats
from renkei.errors import RenkeiError, catalogue
from renkei.formats import csv as csv_file
from renkei.formats import fixed
from renkei.formats.zengin.layout import KINDS, placed
from renkei.model import Batch

CORPUS = Path(__file__).parent / "corpus"
FEED = "sample.file"


def cells(raw: bytes, form: dict[str, Any]) -> list[tuple[str, str]]:
    """A record by the rules of slicing alone."""
    encoding = {"ibm-1399": None}.get(form.get("encoding", "cp932"), "cp932")
    columns = form["columns"] if form["kind"] == "fixed" else list(placed(KINDS[form["type"]][0]))
    names = {column["name"] for column in form["columns"]}
    return [
        (
            each["name"],
            raw[each["at"] - 1 : each["at"] - 1 + each["bytes"]].decode(encoding).rstrip(" \u3000"),
        )
        for each in columns
        if encoding and "bytes" in each and each["name"] in names
    ]


def lines(raw: bytes, form: dict[str, Any], names: list[str]) -> list[tuple[str, str]]:
    """A record as Python's csv module reads it; it knows no nulls."""
    text = raw.decode(form["encoding"])
    [row] = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    return list(zip(names, row, strict=True))


def agrees(content: bytes, batch: Batch, form: dict[str, Any]) -> None:
    """Count, total and every value of the batch are what the bytes and the trailer say."""
    assert batch.records == batch.table.num_rows + batch.rejects.num_rows
    trailer = batch.control.trailer
    stated = {"csv": "KENSU", "zengin": "count", "fixed": "KENSU"}[form["kind"]]
    if "unproved" not in form and form.get("groups") != "many":
        assert int(trailer[stated]) == batch.records
    for total in form.get("totals", ()) if not batch.rejects.num_rows else ():
        made = sum(
            int(text) for text in batch.table.column(total["of"]).to_pylist() if text.strip().isdigit()
        )
        assert int(trailer[total["trailer"]]) == made % 10 ** total.get("digits", 15)
    for row in batch.table.to_pylist():
        raw = content[row["__byte_offset"] : row["__byte_offset"] + row["__byte_length"]]
        names = [column["name"] for column in form["columns"]]
        found = lines(raw, form, names) if form["kind"] == "csv" else cells(raw, form)
        assert {(name, row[name] or "") for name, _ in found} == set(found)


def covers(content: bytes, batch: Batch, begin: int) -> None:
    """Every byte after the names belongs to one record, taken or set aside."""
    spans = [
        (row["__byte_offset"], row["__byte_length"])
        for each in (batch.table, batch.rejects)
        for row in each.to_pylist()
    ]
    at = begin
    for offset, length in sorted(spans):
        assert offset == at
        at += length
    assert at == len(content)


def needed(code: str) -> set[str]:
    """The facts that an error's texts are filled with."""
    texts = " ".join(catalogue()[code].values())
    return {name for _, name, _, _ in string.Formatter().parse(texts) if name}


def judge(content: bytes, form: dict[str, Any], folder: Path) -> None:
    place = folder / "damaged"
    place.write_bytes(content)
    became = outcome(place, form)
    if isinstance(became, RenkeiError):
        assert needed(became.code) <= set(became.facts)
        return
    agrees(content, became, form)
    if form is LOOSE:
        covers(content, became, content.index(b"\n") + 1)


def outcome(place: Path, form: dict[str, Any]) -> Batch | RenkeiError:
    try:
        return formats.read(place, form, feed=FEED)
    except RenkeiError as refused:
        return refused


#: Nothing proves its count, and there are enough records for some of them to fall.
LOOSE: dict[str, Any] = {
    **{
        name: value
        for name, value in csvs.QUOTED.items()
        if name not in {"header", "trailer", "count", "totals", "as_of"}
    },
    "unproved": "試験",
}
LOOSE_DATA = csvs.encoded(
    csvs.written([csvs.NAMES, *(csvs.PEOPLE * 20)], quoting=csv.QUOTE_MINIMAL, end="\r\n"), "CP932"
)

SAMPLES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "plain": (fixeds.plain_file(), fixeds.PLAIN),
    "households": (fixeds.households_file(), fixeds.HOUSEHOLDS),
    "host": (fixeds.host_file(), fixeds.HOST),
    "quoted": (csvs.QUOTED_DATA, csvs.QUOTED),
    "bare": (csvs.BARE_DATA, csvs.BARE),
    "loose": (LOOSE_DATA, LOOSE),
    "transfer": (zengins.PAID_DATA, zengins.TRANSFER),
    "debit": (zengins.DEBITED_DATA, zengins.DEBIT),
}

Change = Callable[[bytes], bytes]


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[str, float, float, bytes]]:
    """What to do to a file: places are shares of its length, so that they fit every sample."""
    kinds = st.sampled_from(["set", "insert", "delete", "double", "cut", "swap"])
    share = st.floats(0, 1, allow_nan=False)
    odd = st.sampled_from(
        [b"\0", b"\x1a", b"\xff", b'"', b",", b"\r", b"\n", b"\r\n", b"1", b"8", b"9", b" ", b"\x5c"]
    )
    return draw(
        st.lists(
            st.tuples(kinds, share, share, odd | st.binary(min_size=1, max_size=3)), min_size=1, max_size=3
        )
    )


def damaged(content: bytes, what: list[tuple[str, float, float, bytes]]) -> bytes:
    for kind, first, second, data in what:
        at, to = sorted((int(first * len(content)), int(second * len(content))))
        near = min(to, at + 40)
        content = {
            "set": content[:at] + data + content[at + len(data) :],
            "insert": content[:at] + data + content[at:],
            "delete": content[:at] + content[near:],
            "double": content[:near] + content[at:near] + content[near:],
            "cut": content[:at],
            "swap": content[:at] + content[at:near][::-1] + content[near:],
        }[kind]
    return content


@pytest.mark.parametrize("case", sorted(CORPUS.glob("*.bin")), ids=lambda case: case.name)
def test_what_once_went_wrong_goes_right(case: Path, tmp_path: Path) -> None:
    judge(case.read_bytes(), SAMPLES[case.name.split(".")[0]][1], tmp_path)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_sound_file_agrees(name: str, tmp_path: Path) -> None:
    judge(*SAMPLES[name], tmp_path)


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=250, deadline=None)
@given(what=changes())
def test_a_damaged_file_is_refused_or_agrees(
    name: str, what: list[tuple[str, float, float, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content, form = SAMPLES[name]

    judge(damaged(content, what), form, _folder(tmp_path_factory))


def _folder(factory: pytest.TempPathFactory) -> Path:
    folder = factory.getbasetemp() / "mutations"
    folder.mkdir(exist_ok=True)
    return folder


def test_a_reader_that_believes_its_own_count_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = "        if value != counted:\n            raise Stop"
    twin(monkeypatch, fixed, (guard, "        if value is not None and value < 0:\n            raise Stop"))

    with pytest.raises(AssertionError):
        judge(fixeds.plain_file()[:30] + fixeds.plain_file()[60:], fixeds.PLAIN, tmp_path)


def test_a_parser_that_fills_up_empty_lines_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "ends_of", _any_ends)

    with pytest.raises((AssertionError, ValueError)):
        judge(
            csvs.QUOTED_DATA.replace(b'"0002"', b'\r\n"0002"').replace(b'"3","6"', b'"4","6"'),
            csvs.QUOTED,
            tmp_path,
        )


def _any_ends(data: bytes, layout: Any, *, is_end: bool) -> Any:
    import numpy as np

    found = csv_file.rows(data, layout, is_end=is_end)
    return np.array([row.end for row in found], dtype=np.int64)
