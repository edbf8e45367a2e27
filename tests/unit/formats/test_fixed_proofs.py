"""Fixed-length files: nothing that is empty, joined or written escapes its proof or its report."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.conformance.formats import fixed as samples
from tests.conformance.formats import zengin as bank
from tests.unit.formats.fixed_file import FORMAT, File, data
from tests.unit.formats.test_fixed_kinds import changed, lines, read, refusal
from tests.unit.formats.test_zengin import SOUND
from tests.unit.formats.test_zengin import write as write_payments
from tests.unit.formats.twins import twin

from renkei import formats
from renkei.errors import Stop
from renkei.formats import encodings, fixed
from renkei.formats.fixed import groups as fixed_groups
from renkei.formats.fixed import records as fixed_records

BARE: dict[str, Any] = {
    "kind": "fixed", "record": 4, "header": "", "data": "2", "trailer": "", "unproved": "控えのみ",
    "columns": [{"name": "A", "at": 2, "bytes": 3}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "code"),
    [
        ({"end": "9"}, "E_END_MISSING"),
        ({"header": "1"}, "E_RECORD_KIND"),
        ({"header": "1", "end": "9"}, "E_END_MISSING"),
        ({"header": "1", "trailer": "8"}, "E_TRAILER_MISSING"),
    ],
)
def test_an_empty_file_is_no_delivery_where_a_control_record_is_declared(
    marks: dict[str, str], code: str, tmp_path: Path
) -> None:
    assert refusal(b"", tmp_path, {**BARE, **marks}).code == code
    assert refusal(b"\x1a", tmp_path, {**BARE, **marks, "fill": ["eof"]}).code == code


def test_an_empty_file_without_any_control_record_has_no_records(tmp_path: Path) -> None:
    assert read(b"", tmp_path, BARE).records == 0


@pytest.mark.parametrize("block", [1, 2, 200_000])
def test_a_households_gaiji_is_reported_for_each_member_who_carries_it(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    glyphs = 'system = "tax"\nencoding = "cp932"\n[[glyph]]\ncode = "F040"\ntext = "葛\U000e0100"\n'
    (tmp_path / "gaiji.toml").write_text(glyphs, "utf-8")
    form = {**samples.HOUSEHOLDS, "gaiji": str(tmp_path / "gaiji.toml")}
    head = lines()[1]
    content = changed((1, head[:8] + b"\xf0\x40" + head[10:]))
    monkeypatch.setattr(fixed_records, "BLOCK", block)

    batch = read(content, tmp_path, form)

    assert batch.table.column("NUSHI").to_pylist()[:2] == ["葛\U000e0100田　太郎"] * 2
    [loss] = batch.losses.to_pylist() if batch.losses else []
    assert (loss["character"], loss["count"], loss["records"]) == ("〔外字:tax:F040〕", 2, [1, 2])


@pytest.mark.parametrize("form", [FORMAT, {**FORMAT, "national": ["SHIMEI"]}])
def test_a_nul_is_not_written_because_nobody_could_read_it(form: dict[str, Any], tmp_path: Path) -> None:
    names = [each["name"] for each in form["columns"]]
    table = pa.table([["0001", "0002"], ["山田", "山\0"], ["", ""], ["", ""], ["", ""]], names)

    written = formats.write(table, form, tmp_path / "out", feed="f", control={"MADE": "20261120"})

    rejects = written.rejects.select(["__rec_no", "field", "code"]).to_pylist()
    assert rejects == [{"__rec_no": 2, "field": "SHIMEI", "code": "E_UNENCODABLE"}]
    assert formats.read(tmp_path / "out", form, feed="f").table.num_rows == 1


@pytest.mark.parametrize("name", ["cp932", "utf-8", "ascii", "euc-jp-ms", "ibm-930"])
def test_no_encoding_writes_a_nul(name: str) -> None:
    codec = encodings.named(name)

    assert list(codec.encode_cells(pa.array(["A", "\0", "A\0"]))[1]) == [1, 2]
    with pytest.raises(UnicodeEncodeError) as caught:
        codec.encode("A\0")
    assert caught.value.start == 1


@pytest.mark.parametrize("stated", ["山田太郎", "4O"])
def test_a_stated_count_that_is_no_number_is_not_quoted(stated: str, tmp_path: Path) -> None:
    sound = File(records=tuple(data(number) for number in range(1, 41))).bytes
    at = sound.rindex(b"8" + b"%08d" % 40) + 1
    content = sound[:at] + stated.encode("cp932").ljust(8) + sound[at + 8 :]

    found = refusal(content, tmp_path, FORMAT)

    assert (found.code, found.facts["stated"]) == ("E_TRAILER_COUNT", "—")


@pytest.mark.parametrize("given", [{"consignor_name": "ｸｽﾞ\n"}, {"consignor_code": "123\n"}])
def test_no_line_end_goes_into_a_header_of_the_bank(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(Stop) as caught:
        write_payments([SOUND], tmp_path, control={**bank.GIVEN, **given})

    assert caught.value.code == "E_CONTROL_VALUE"


def test_wide_columns_of_a_parent_are_read_and_written_without_shifts(tmp_path: Path) -> None:
    form = {
        "kind": "fixed", "encoding": "ibm-1399", "record": 10, "header": "", "data": "2", "trailer": "8",
        "count": "KENSU", "parent": "1", "national": ["NUSHI"],
        "records": [{"kind": "1", "columns": [{"name": "NUSHI", "at": 2, "bytes": 8},
                                              {"name": "YOBI", "at": 10, "bytes": 1}]}],
        "trailer_columns": [{"name": "KENSU", "at": 2, "bytes": 9}],
        "columns": [{"name": "ATENA", "at": 2, "bytes": 9}, {"name": "NUSHI"}, {"name": "YOBI"}],
    }  # fmt: skip
    table = pa.table({"ATENA": ["1", "2"], "NUSHI": ["山田太郎"] * 2, "YOBI": ["", ""]})

    written = formats.write(table, form, tmp_path / "out", feed="f")
    back = formats.read(tmp_path / "out", form, feed="f").table

    assert written.rejects.num_rows == 0
    assert back.column("NUSHI").to_pylist() == ["山田太郎"] * 2
    assert (tmp_path / "out").read_bytes()[1:3] == encodings.named("ibm-1399").national.encode("山")


@pytest.mark.parametrize(
    ("where", "said"), [({"column": "X", "in": ["1"]}, "X"), ({"column": "KBN", "in": ["1", "11"]}, "11")]
)
@pytest.mark.parametrize("key", ["counts", "totals"])
def test_a_choice_of_records_that_cannot_be_is_told(
    key: str, where: dict[str, Any], said: str, tmp_path: Path
) -> None:
    sums = {"counts": [{"trailer": "KENSU", "kinds": ["2"]}], "totals": FORMAT["totals"]}
    form = {**FORMAT, key: [{**sums[key][0], "where": where}]}

    found = list(fixed.problems(form, form["columns"], tmp_path))

    assert [(place, what) for place, _, what in found] == [((key, 0, "where"), said)]


def test_a_value_longer_than_its_column_chooses_no_record(tmp_path: Path) -> None:
    where = {"column": "KBN", "in": ["11"]}
    form = {**FORMAT, "counts": [{"trailer": "KENSU", "kinds": ["2"], "where": where}], "totals": []}
    del form["count"]

    assert read(File(records=(data(1),), count=0).bytes, tmp_path, form).records == 1


def test_an_empty_file_that_passes_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin(monkeypatch, fixed_groups, ("        _check_empty(layout, feed=feed)\n", "        pass\n"))

    with pytest.raises(pytest.fail.Exception):
        test_an_empty_file_is_no_delivery_where_a_control_record_is_declared(
            {"end": "9"}, "E_END_MISSING", tmp_path
        )


@pytest.mark.parametrize("name", ["ibm-930", "ibm-939", "ibm-1390", "ibm-1399"])
def test_whatever_a_wide_field_says_can_be_written_back(name: str) -> None:
    national = encodings.charset(name).national
    texts = sorted(set(encodings.charset(name).table.doubles.meanings.values()))  # type: ignore[attr-defined] # a table

    assert [text for text in texts if national.decode(national.encode(text)) != text] == []
