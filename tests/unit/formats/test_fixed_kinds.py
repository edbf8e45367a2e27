"""Fixed-length files of several record kinds, groups and shapes: in order and proved, or refused."""

from pathlib import Path
from typing import Any

import pytest
from tests.conformance.formats import fixed as samples
from tests.unit.formats.twins import twin

from renkei import formats
from renkei.errors import Stop
from renkei.formats import fixed
from renkei.formats.fixed import groups as fixed_groups
from renkei.formats.fixed import records as fixed_records
from renkei.formats.fixed import totals as fixed_totals
from renkei.model import Batch

LINE = 26  # bytes of one record of the households, with its line end


def read(content: bytes, folder: Path, declaration: dict[str, Any]) -> Batch:
    path = folder / "delivery"
    path.write_bytes(content)
    return formats.read(path, declaration, feed="tax.test")


def refusal(content: bytes, folder: Path, declaration: dict[str, Any]) -> Stop:
    with pytest.raises(Stop) as caught:
        read(content, folder, declaration)
    return caught.value


def lines() -> list[bytes]:
    """10 21 22 22 21 22 80 / 10 21 22 80 / 90"""
    content = samples.households_file()
    return [content[at : at + LINE] for at in range(0, len(content), LINE)]


def changed(*changes: tuple[int, bytes | None]) -> bytes:
    """The households with some lines replaced or, for None, taken out."""
    made: list[bytes | None] = list(lines())
    for at, line in changes:
        made[at] = line
    return b"".join(line for line in made if line is not None)


def test_members_carry_their_household_and_their_town(tmp_path: Path) -> None:
    batch = read(samples.households_file(), tmp_path, samples.HOUSEHOLDS)

    assert batch.table.to_pylist()[2] == {
        "__rec_no": 3,
        "__byte_offset": 5 * LINE,
        "__byte_length": 24,
        "ATENA": "000003",
        "NAMAE": "髙橋　一",
        "SETAI": "500002",
        "NUSHI": "髙橋　一",
        "DANTAI": "132993",
    }
    assert batch.records == 4
    assert batch.control.header == {
        "DANTAI": "132993",
        "SAKUSEI": "20261120",
        "DANTAI#2": "132985",
        "SAKUSEI#2": "20261120",
    }
    assert batch.control.trailer["SETAISU#2"] == "000001"


@pytest.mark.parametrize(
    ("changes", "code", "row"),
    [
        ([(1, None)], "E_RECORD_KIND", 1),  # a member without a household
        ([(8, None)], "E_RECORD_KIND", 8),  # its household is in another group
        ([(6, None)], "E_RECORD_KIND", 6),  # a header where a trailer is due
        ([(3, b"23".ljust(24) + b"\r\n")], "E_RECORD_KIND", 3),  # a kind nobody declared
        ([(11, None)], "E_END_MISSING", None),
        ([(10, None), (11, None)], "E_END_MISSING", None),
        ([(7, None), (8, None), (9, None)], "E_RECORD_KIND", 7),  # two trailers
    ],
)
def test_a_record_out_of_its_place_stops_the_file(
    changes: list[tuple[int, bytes | None]], code: str, row: int | None, tmp_path: Path
) -> None:
    error = refusal(changed(*changes), tmp_path, samples.HOUSEHOLDS)

    assert (error.code, error.facts.get("rec_no")) == (code, row)
    if row is not None:
        assert error.facts["offset"] == row * LINE


def test_data_after_the_end_stop_the_file(tmp_path: Path) -> None:
    assert (
        refusal(samples.households_file() + lines()[2], tmp_path, samples.HOUSEHOLDS).code == "E_RECORD_KIND"
    )


def test_a_second_group_where_one_is_declared_stops_the_file(tmp_path: Path) -> None:
    one = {**samples.HOUSEHOLDS, "groups": "one"}

    assert refusal(samples.households_file(), tmp_path, one).facts["rec_no"] == 7


def test_a_group_whose_count_differs_is_told_with_both_numbers(tmp_path: Path) -> None:
    error = refusal(changed((10, b"80000003000001".ljust(24) + b"\r\n")), tmp_path, samples.HOUSEHOLDS)

    assert (error.code, error.facts["stated"], error.facts["counted"]) == ("E_TRAILER_COUNT", "000003", 2)


def test_the_count_of_households_is_proved_beside_that_of_all_records(tmp_path: Path) -> None:
    error = refusal(changed((6, b"80000005000003".ljust(24) + b"\r\n")), tmp_path, samples.HOUSEHOLDS)

    assert (error.code, error.facts["stated"], error.facts["counted"]) == ("E_TRAILER_COUNT", "000003", 2)


def test_the_end_record_counts_all_groups(tmp_path: Path) -> None:
    error = refusal(changed((11, b"9000000003".ljust(24) + b"\r\n")), tmp_path, samples.HOUSEHOLDS)

    assert (error.code, error.facts["counted"]) == ("E_TRAILER_COUNT", 4)


def test_an_order_that_is_not_proved_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin(
        monkeypatch,
        fixed_groups,
        ("    wrong = np.flatnonzero(~allowed[codes[:-1], codes[1:]])\n", "    wrong = codes[:0]\n"),
        ("    if len(codes) and not lasts[codes[-1]]:", "    if not len(codes):"),
    )

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_data_after_the_end_stop_the_file(tmp_path)


def test_a_household_that_cannot_be_read_takes_its_members_with_it(tmp_path: Path) -> None:
    broken = lines()[1][:8] + b"\xff" * 16 + b"\r\n"
    many = {**samples.HOUSEHOLDS, "counts": [], "end_count": "SOKENSU"}
    content = changed((1, broken), (11, b"9000000044".ljust(24) + b"\r\n"))
    content = content.replace(lines()[9], lines()[9] * 41)

    batch = read(content, tmp_path, many)

    assert batch.rejects.column("__rec_no").to_pylist() == [1, 2]
    assert set(batch.rejects.column("field").to_pylist()) == {"NUSHI"}
    assert batch.rejects.column("detail").to_pylist() == [f"byte={LINE + 8}"] * 2
    assert batch.rejects.column("source_key").to_pylist() == ["000001", "000002"]
    assert batch.records == 44 == batch.table.num_rows + 2


def test_a_kind_that_is_left_aside_is_counted_and_not_read(tmp_path: Path) -> None:
    form = {
        **samples.HOUSEHOLDS,
        "records": [*samples.HOUSEHOLDS["records"], {"kind": "29", "reason": "備考"}],
    }
    form["counts"] = [{"trailer": "KENSU"}]
    note = b"29".ljust(24) + b"\r\n"
    content = changed((9, lines()[9] + note), (10, b"80000003000001".ljust(24) + b"\r\n"))

    assert read(content, tmp_path, form).records == 4


@pytest.mark.parametrize(
    ("separator", "end"), [("none", b""), ("lf", b"\n"), ("crlf", b"\r\n")], ids=["none", "lf", "crlf"]
)
def test_line_ends_are_as_declared_and_the_last_may_be_missing(
    separator: str, end: bytes, tmp_path: Path
) -> None:
    whole = samples.plain_file()
    records = [whole[at : at + 30] for at in range(0, len(whole), 30)]
    form = {**samples.PLAIN, "separator": separator}

    full = read(b"".join(record + end for record in records), tmp_path, form)
    short = read(end.join(records), tmp_path, form)

    assert full.table.equals(short.table)
    assert full.table.column("__byte_offset").to_pylist()[1] == 2 * (30 + len(end))
    assert full.table.num_rows == 3


def test_mixed_line_ends_stop_the_file_at_their_place(tmp_path: Path) -> None:
    whole = samples.plain_file()
    records = [whole[at : at + 30] for at in range(0, len(whole), 30)]
    ends = [b"\r\n", b"\r\n", b"\n\n", b"\r\n", b"\r\n"]
    content = b"".join(record + end for record, end in zip(records, ends, strict=True))

    error = refusal(content, tmp_path, {**samples.PLAIN, "separator": "crlf"})

    assert (error.code, error.facts["rec_no"], error.facts["offset"]) == ("E_SEPARATOR", 2, 2 * 32 + 30)


def test_line_ends_that_are_not_looked_at_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin(monkeypatch, fixed_records, ("    _check_separators(content, count, layout, feed=feed)\n", ""))

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_mixed_line_ends_stop_the_file_at_their_place(tmp_path)


@pytest.mark.parametrize("tail", [b"\x1a", b"\x1a" * 17, b"\x1a" + b" " * 512, b" " * 30, b" " * 31])
@pytest.mark.parametrize("separator", ["none", "crlf"])
def test_declared_fill_after_the_last_record_is_no_data(tail: bytes, separator: str, tmp_path: Path) -> None:
    end = b"\r\n" if separator == "crlf" else b""
    whole = samples.plain_file()
    content = b"".join(whole[at : at + 30] + end for at in range(0, len(whole), 30))
    form = {**samples.PLAIN, "separator": separator, "fill": ["eof", "blank"]}

    assert read(content + tail, tmp_path, form).records == 3
    assert read(content[: len(content) - len(end)] + tail, tmp_path, form).records == 3
    assert refusal(content + tail, tmp_path, {**form, "fill": []}).code in {
        "E_RECORD_LENGTH",
        "E_RECORD_KIND",
        "E_SEPARATOR",
    }


def test_fill_never_hides_a_record(tmp_path: Path) -> None:
    content = samples.plain_file() + b"\x1a" * 5 + samples.plain_file()[30:60]

    assert refusal(content, tmp_path, {**samples.PLAIN, "fill": ["eof", "blank"]}).code == "E_RECORD_LENGTH"


def test_low_values_are_a_blank_only_where_that_is_declared(tmp_path: Path) -> None:
    content = samples.plain_file().replace("ﾉｳ".encode("cp932").ljust(8), b"\0" * 8)

    assert read(content, tmp_path, samples.PLAIN).rejects.column("field").to_pylist() == ["KANA"]
    allowed = read(content, tmp_path, {**samples.PLAIN, "low_values": ["KANA"]})
    assert allowed.table.column("KANA").to_pylist() == ["ﾀｶｻｷ", "", ""]


@pytest.mark.parametrize(
    ("cells", "total"),
    [
        (["   12", "00003", "     "], 15),
        (["  -12", "12-  "[:5], "  +20"], -4),
        (["0001A", "1 001", "00001"], 1),
    ],
)
def test_a_total_takes_blanks_and_signs_and_nothing_that_is_no_number(cells: list[str], total: int) -> None:
    import numpy as np

    from renkei.formats import encodings

    block = np.frombuffer("".join(cells).encode(), dtype=np.uint8).reshape(3, 5)

    assert fixed_totals.sum_of(block, encodings.named("cp932")) == total


def test_a_total_of_chosen_records_is_proved(tmp_path: Path) -> None:
    where = {"column": "BANGO", "in": ["000017", "900025"]}
    form = {
        **samples.PLAIN,
        "totals": [{"trailer": "GOKEI", "of": "GAKU", "where": where}],
        "counts": [{"trailer": "KENSU", "kinds": ["2"], "where": where}],
    }
    del form["count"]
    content = samples.plain_file()[:-30] + b"8000002000120".ljust(30)

    assert read(content, tmp_path, form).records == 3
    assert refusal(content.replace(b"8000002", b"8000003"), tmp_path, form).facts["counted"] == 2
    assert refusal(content.replace(b"000120  ", b"000121  "), tmp_path, form).code == "E_TRAILER_TOTAL"


def test_a_length_prefix_that_lies_stops_the_file(tmp_path: Path) -> None:
    content = bytearray(samples.host_file())
    content[0] = 1

    assert refusal(bytes(content), tmp_path, samples.HOST).code == "E_RECORD_PREFIX"
    assert refusal(samples.host_file()[:-1], tmp_path, samples.HOST).code == "E_RECORD_PREFIX"


def test_a_record_that_ends_early_reads_as_blank(tmp_path: Path) -> None:
    whole = samples.plain_file()
    records = [whole[at : at + 30].rstrip(b" ") for at in range(0, len(whole), 30)]
    content = b"".join(len(each).to_bytes(4, "big") + each for each in records)

    batch = read(content, tmp_path, {**samples.PLAIN, "prefix": "varseq1"})

    assert batch.table.column("SHIMEI").to_pylist() == ["髙﨑ソ表", "能　～－", "神"]
    assert batch.table.column("__byte_length").to_pylist() == [30, 30, 30]


def test_the_blocks_of_a_file_give_what_the_whole_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(samples.households_file(), tmp_path, samples.HOUSEHOLDS)
    monkeypatch.setattr(fixed_records, "BLOCK", 1)

    assert read(samples.households_file(), tmp_path, samples.HOUSEHOLDS).table.equals(whole.table)


def test_a_whole_number_of_records_without_controls_needs_no_trailer(tmp_path: Path) -> None:
    form = {
        "kind": "fixed", "record": 4, "header": "", "data": "", "trailer": "", "unproved": "控えのみ",
        "columns": [{"name": "A", "at": 1, "bytes": 4}],
    }  # fmt: skip

    assert read(b"00010002", tmp_path, form).table.column("A").to_pylist() == ["0001", "0002"]
    assert list(fixed.problems(form, form["columns"], tmp_path)) == []


# what is declared ---------------------------------------------------------------------------------


def told(changes: dict[str, Any], base: dict[str, Any] = samples.HOUSEHOLDS) -> list[tuple[Any, str, str]]:
    form = {**base, **changes}
    columns = form.pop("columns")
    return list(fixed.problems(form, columns, Path()))


def test_the_samples_are_sound_declarations() -> None:
    assert [told({}, form) for form in (samples.PLAIN, samples.HOUSEHOLDS, samples.HOST)] == [[], [], []]


@pytest.mark.parametrize(
    ("changes", "place", "said"),
    [
        ({"record": 25}, ("record",), "gap of 1 bytes: at 26"),
        ({"record": 23}, ("record",), "overlap: at 24"),
        ({"as_of": "MADE"}, ("as_of",), "MADE"),
        ({"end_count": "KENSU"}, ("end_count",), "KENSU"),
        ({"parent": "23"}, ("parent",), "23"),
        ({"counts": [{"trailer": "X"}]}, ("counts", 0, "trailer"), "X"),
        ({"counts": [{"trailer": "KENSU", "kinds": ["77"]}]}, ("counts", 0, "kinds"), "77"),
        ({"totals": [{"trailer": "KENSU", "of": "SETAI"}]}, ("totals", 0, "of"), "SETAI"),
        ({"records": [{"kind": "21"}]}, ("records", 0), "neither"),
        ({"records": [{"kind": "80", "reason": "r"}]}, ("records", 0, "kind"), "80 twice"),
        ({"trailer": ""}, ("trailer",), "neither"),
        ({"pad": {"NANTO": "zero"}}, ("pad",), "NANTO"),
        ({"set": {"part": "REN", "parts": "DANTAI"}}, ("set", "part"), "REN"),
        ({"columns": [{"name": "X"}]}, (), "none"),
    ],
)
def test_a_declaration_that_cannot_work_is_told(changes: dict[str, Any], place: Any, said: str) -> None:
    assert (place, said) in [(where, found) for where, _, found in told(changes)]
