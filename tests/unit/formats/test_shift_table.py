"""JEF, KEIS and JIPS from table files: read by their shift codes, checked whole, pinned by their digest."""

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.unit.formats.encoding_cases import TABLES, array, block, codec_of, declared, rows_of

from renkei.errors import FixDeclaration
from renkei.formats import encodings
from renkei.formats.encodings import shift_table, units
from renkei.formats.encodings.codec import Codec
from renkei.formats.encodings.coded import Coded
from renkei.formats.encodings.units import Shifts

ROOT = Path(__file__).resolve().parents[3]

# reading and writing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("jef-sample", "c128bbb3c5c44040298140"),
        ("keis-sample", "c10a42bbb3c5c440400a418140"),
        ("jips-sample", "411a703b33454421211a71b120"),
    ],
)
def test_kanji_stand_between_the_declared_shift_codes(name: str, raw: str) -> None:
    codec = codec_of(name)

    assert codec.decode(bytes.fromhex(raw)) == "A山田　ｱ "
    assert codec.encode("A山田　ｱ ").hex() == raw
    assert codec.decode_block(block(bytes.fromhex(raw)))[0].to_pylist() == ["A山田　ｱ"]
    size = len(codec._charset.shift_out)
    assert codec.national.encode("山田　") == codec.encode("山田　")[size:-size]


def test_a_sequence_is_one_code() -> None:
    codec = codec_of("jef-sample")

    assert codec.decode(bytes.fromhex("2841a141a2ccda41a329")) == "葛󠄀辻󠄀木か゚"
    assert codec.encode("葛󠄀辻󠄀木か゚𠮷").hex() == "2841a141a2ccda41a341a429"
    # another selector is another character: it is refused, never cut down to its base
    assert codec.encode_block(array("辻󠄁"), 10)[1] == {0: "E_UNENCODABLE char=0 code=U+8FBB"}


def test_small_kanji_are_read_and_the_first_size_is_written() -> None:
    codec = codec_of("jef-sample")

    assert codec.decode(bytes.fromhex("38bbb329")) == "山"
    assert codec.decode(bytes.fromhex("28bbb338c5c429")) == "山田"
    assert codec.encode("山").hex() == "28bbb329"


def test_a_one_way_code_is_read_and_another_written() -> None:
    codec = codec_of("jef-sample")

    assert codec.decode(bytes.fromhex("28a1a1bbb329")) == "　山"
    assert codec.encode("　山").hex() == "284040bbb329"


def test_a_character_that_is_only_written_is_reported() -> None:
    codec = codec_of("jef-sample")

    assert codec.decode(codec.encode("髙田", record=4)) == "高田"
    [row] = codec.losses.table().to_pylist()
    assert (row["character"], row["became"], row["records"]) == ("髙", "高", [4])


@pytest.mark.parametrize(
    ("name", "raw", "place"),
    [
        ("jef-sample", "28bbb3", 3),
        ("jef-sample", "28bbb3c529", 3),
        ("jef-sample", "c129", 1),
        ("jef-sample", "28bbb341fe29", 3),
        ("keis-sample", "0a42bbb30a", 4),
        ("keis-sample", "c10a", 1),
        ("keis-sample", "0a42bbb30a410a41", 6),
        ("jips-sample", "1a703b331a", 4),
        ("jips-sample", "1a703b331a70", 4),
    ],
)
def test_what_the_table_does_not_know_is_a_fault_at_its_place(name: str, raw: str, place: int) -> None:
    assert codec_of(name).decode_block(block(bytes.fromhex(raw)))[1] == {0: place}


def test_a_shift_code_never_reaches_over_the_end_of_its_cell() -> None:
    values, faults = codec_of("keis-sample").decode_block(block(b"\xc1\x0a", b"\x42\xc1"))

    assert (values.to_pylist(), faults) == ([None, "｢A"], {0: 1})


def test_the_way_out_that_is_missing_is_found_by_a_guard() -> None:
    twin = without(units, "rows[unclosed]]", "rows[:0]]", "row_ends[unclosed]]", "row_ends[:0]]")
    codec = codec_of("jef-sample")
    charset = codec._charset
    assert isinstance(charset, Coded)
    shifts = twin.Shifts(into=(b"\x28",), out=(b"\x29",))
    blind = Codec(replace(charset, split=shifts.split))
    cut = block(bytes.fromhex("28bbb3"))

    assert codec.decode_block(cut)[1] == {0: 3}
    assert blind.decode_block(cut)[0].to_pylist() == ["山"]


def without(module: ModuleType, *patches: str) -> ModuleType:
    """The module with a guard taken out: the known-bad twin."""
    assert module.__file__ is not None
    text = Path(module.__file__).read_text("utf-8")
    for guard, nothing in zip(patches[::2], patches[1::2], strict=True):
        assert text.count(guard) == 1, guard
        text = text.replace(guard, nothing)
    twin = ModuleType("twin")
    sys.modules["twin"] = twin
    exec(compile(text, "twin.py", "exec"), twin.__dict__)
    return twin


# the file -----------------------------------------------------------------------------------------


def changed(change: Callable[[dict[str, Any]], object], folder: Path) -> list[str]:
    """What is wrong with the JEF sample after a change."""
    table = json.loads((TABLES / "jef-sample.json").read_text("utf-8"))
    change(table)
    path = folder / "table.json"
    path.write_text(json.dumps(table, ensure_ascii=False), "utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    _, problems = shift_table.read(path, sha256=digest)
    return problems


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.pop("blank"), "'blank' is a required property"),
        (lambda t: t.update(extra=1), "'extra' was unexpected"),
        (lambda t: t["double"].update({"41": "亜"}), "double"),
        (lambda t: t["double"].update({"B0A2": "山"}), "stands at BBB3 too"),
        (lambda t: t["double"].update({"B0A3": "\ue000"}), "a character with a meaning"),
        (lambda t: t["double"].update({"B0A3": "\ufffd"}), "a character with a meaning"),
        (lambda t: t["double"].update({"2841": "亜"}), "no byte that also starts a shift code"),
        (lambda t: t["double"].update({"80A1": "亜"}), "either a 外字 or a character"),
        (lambda t: t["double"].pop("4040"), "wide_blank"),
        (lambda t: t.update(blank="41"), "blank: 41"),
        (lambda t: t["read_only"].update({"BBB3": "山"}), "either in double or in read_only"),
        (lambda t: t["write_only"].update({"峯": "FFFF"}), "write_only"),
        (lambda t: t["write_only"].update({"山": "BBB3"}), "write_only"),
        (lambda t: t.update(gaiji=[["80A1", "A0FE"], ["80A1", "80A2"]]), "ascending"),
        (lambda t: t["shift"].update({"out": ["28"]}), "each code once"),
        (lambda t: t.update(single="ebcdic"), "is not one of"),
    ],
)
def test_a_wrong_table_is_told(change: Callable[[dict[str, Any]], object], told: str, tmp_path: Path) -> None:
    problems = changed(change, tmp_path)

    assert any(told in each for each in problems), problems


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    problems = changed(lambda t: t["double"].update({"B0A2": "山", "2841": "亜", "B0A3": "\ufffd"}), tmp_path)

    assert len(problems) == 3


def test_a_code_that_stands_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text('{"double": {"A1A1": "一", "A1A1": "二"}}', "utf-8")

    _, problems = shift_table.read(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    assert problems == ["table.json: JSON in UTF-8, every key once (ValueError)"]


def test_another_file_under_the_same_name_is_refused() -> None:
    with pytest.raises(FixDeclaration) as caught:
        encodings.of({**declared("jef-sample"), "table_sha256": "0" * 64})

    assert declared("jef-sample")["table_sha256"] in str(caught.value.facts["problems"])


def test_a_table_goes_by_its_own_name() -> None:
    found = list(encodings.problems({**declared("jef-sample"), "encoding": "jef"}))

    assert found == [(("encoding",), "jef-sample, the name of its table", "jef")]


def test_a_table_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = list(encodings.problems({"encoding": "jef", "table": "jef.json"}, tmp_path))

    assert found == [(("table",), "jef.json is not a file that can be read", "otherwise")]


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    published = (ROOT / "docs" / "schemas" / "encoding-table.schema.json").read_text("utf-8")

    assert json.loads(published) == shift_table.SHAPE


def test_gaiji_of_a_table_come_back_with_their_codes(tmp_path: Path) -> None:
    gaiji = tmp_path / "gaiji.toml"
    gaiji.write_text(
        'system = "kokuho"\nencoding = "jips-sample"\nunmapped = "keep"\n'
        '[[glyph]]\ncode = "7421"\ntext = "𠮷"\n',
        "utf-8",
    )
    codec = codec_of("jips-sample", gaiji=str(gaiji))
    raw = bytes.fromhex("1a7074213b33fefe1a71")

    text = codec.decode(raw)

    assert text == "𠮷山〔外字:kokuho:FEFE〕"
    assert codec.encode(text) == raw
    assert rows_of(codec.national.encode_block(array("𠮷"), 4)[0]) == [bytes.fromhex("74212121")]


def test_a_table_is_made_once() -> None:
    assert codec_of("jef-sample")._charset is codec_of("jef-sample")._charset
    assert isinstance(codec_of("jef-sample")._charset, Coded)
    assert codec_of("jef-sample")._charset.shifts == Shifts(into=(b"\x28", b"\x38"), out=(b"\x29",))
