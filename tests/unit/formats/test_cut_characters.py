"""Characters cut in two, at every place and at every edge of the readers' pieces: never replaced, always placed."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.formats.encoding_cases import WIDE, codec_of, declared

from renkei import formats
from renkei.errors import Stop
from renkei.formats import csv as csv_file
from renkei.formats.encodings.codec import Codec
from renkei.formats.fixed import records as fixed_records
from renkei.formats.xml import text as xml_text
from renkei.model import Batch

#: The second bytes of these are ``|``, ``\\`` and ``\\`` in CP932.
NAME = "ポ表能"
#: Every size of a piece up to a record and a half, and one in which the whole file fits.
PIECES = (*range(1, 24), 1 << 20)


def lenient(
    codec: Codec, values: pa.Array, *, padding: str = "", **_: Any
) -> tuple[pa.Array, dict[int, int]]:
    """The known-bad twin: whatever is no character becomes U+FFFD, and nobody is told."""
    return pa.array([replaced(codec, raw.as_py()).rstrip(padding or None) for raw in values]), {}


def replaced(codec: Codec, raw: bytes) -> str:
    try:
        return STRICT(codec, raw)
    except UnicodeDecodeError as error:
        before, after = raw[: error.start], raw[error.start + 1 :]
        return replaced(codec, before) + "\ufffd" + replaced(codec, after) if before != raw else "\ufffd"


STRICT = Codec.decode


# csv ---------------------------------------------------------------------------------------------


def csv_bytes(encoding: str, third: bytes | None = None, delimiter: str = ",") -> bytes:
    """Forty records; the third one's name may be other bytes."""
    mark, name = delimiter.encode(), codec_of(encoding).encode(NAME)
    lines = [mark.join((b"%02d" % number, name, b"x")) for number in range(1, 41)]
    if third is not None:
        lines[2] = mark.join((b"03", third, b"x"))
    return b"".join(line + b"\r\n" for line in (mark.join((b"A", b"B", b"C")), *lines))


def read_csv(content: bytes, folder: Path, encoding: str, **changes: Any) -> Batch:
    form = {
        "kind": "csv", "encoding": encoding, "unproved": "試験",
        "columns": [{"name": name} for name in "ABC"], **changes,
    }  # fmt: skip
    (folder / "d").write_bytes(content)
    return formats.read(folder / "d", form, feed="f")


CSV = ("cp932", "euc-jp", "euc-jp-ms", "utf-8")


@pytest.mark.parametrize("encoding", CSV)
def test_pieces_of_any_size_give_what_the_whole_gives(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in PIECES:
        monkeypatch.setattr(csv_file, "CHUNK", size)
        batch = read_csv(csv_bytes(encoding), tmp_path, encoding)

        assert batch.table.column("B").to_pylist() == [NAME] * 40, size
        assert batch.rejects.num_rows == 0


@pytest.mark.parametrize("encoding", CSV)
def test_a_character_cut_in_a_csv_file_falls_with_its_record(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proves_that_only_the_cut_record_falls(encoding, tmp_path, monkeypatch)


def proves_that_only_the_cut_record_falls(
    encoding: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, step = codec_of(encoding).encode(NAME), len(codec_of(encoding).encode("表"))
    for cut in (place for place in range(1, len(name)) if place % step):
        content = csv_bytes(encoding, name[:cut])
        begun = content.index(b"03,") + 3 + cut // step * step
        for size in (1, begun - 1, begun, begun + 1, begun + 2, 1 << 20):
            monkeypatch.setattr(csv_file, "CHUNK", size)
            batch = read_csv(content, folder, encoding)

            [reject] = batch.rejects.to_pylist()
            assert (reject["__rec_no"], reject["field"], reject["code"]) == (3, "B", "E_ENCODING")
            assert reject["detail"] in {f"line=4 byte={begun + more}" for more in range(step)}
            assert batch.table.column("B").to_pylist() == [NAME] * 39


@pytest.mark.parametrize("encoding", ["cp932", "utf-8"])
def test_a_csv_reader_that_replaces_is_noticed(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Codec, "decode_cells", lenient)

    with pytest.raises((AssertionError, ValueError)):
        proves_that_only_the_cut_record_falls(encoding, tmp_path, monkeypatch)


@pytest.mark.parametrize("delimiter", [",", "\t", "|", ";"])
def test_half_a_character_before_a_mark_takes_no_other_record_with_it(delimiter: str, tmp_path: Path) -> None:
    content = csv_bytes("cp932", b"\x95", delimiter)  # with a bar behind it, it is a character

    batch = read_csv(content, tmp_path, "cp932", delimiter=delimiter, quote="")

    assert batch.rejects.column("__rec_no").to_pylist() == [3]
    assert batch.table.column("B").to_pylist() == [NAME] * 39


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_one_other_line_end_is_found_in_pieces_of_any_size(
    end: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = csv_bytes("cp932").replace(b"x\r\n04", b"x" + end + b"04")
    whole = read_csv(content, tmp_path, "cp932")
    assert not {"03", "04"} <= set(whole.table.column("A").to_pylist())
    assert whole.rejects.num_rows

    for size in PIECES:
        monkeypatch.setattr(csv_file, "CHUNK", size)
        batch = read_csv(content, tmp_path, "cp932")

        assert (batch.table, batch.rejects) == (whole.table, whole.rejects), size


# fixed length ------------------------------------------------------------------------------------


def fixed_form(encoding: str, width: int) -> dict[str, Any]:
    names = [{"name": "NO", "at": 2, "bytes": 2}, {"name": "SHIMEI", "at": 4, "bytes": width}]
    return {
        "kind": "fixed", **declared(encoding), "record": 5 + width, "header": "", "data": "2", "trailer": "",
        "unproved": "試験", "columns": [*names, {"name": "ATO", "at": 4 + width, "bytes": 2}],
    }  # fmt: skip


def fixed_bytes(codec: Codec, value: bytes) -> bytes:
    """Forty records whose third holds the value, as wide as it is; what follows begins with a letter."""
    blank = codec.blank * len(value)
    texts = [codec.encode(f"2{number:02d}") for number in range(1, 41)]
    return b"".join(
        text + (value if number == 3 else blank) + codec.encode("AB") for number, text in enumerate(texts, 1)
    )


def proves_that_a_cut_cell_falls_alone(encoding: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec, parts = codec_of(encoding), ("A", "A山", "A山B", "A山B川")
    whole = {codec.encode(part): part for part in parts}
    longest = codec.encode(parts[-1])
    for cut in range(1, len(longest)):
        for block in (1, 2, 3, 1 << 20):
            monkeypatch.setattr(fixed_records, "BLOCK", block)
            (folder / "d").write_bytes(fixed_bytes(codec, longest[:cut]))
            batch = formats.read(folder / "d", fixed_form(encoding, cut), feed="f")

            if longest[:cut] in whole:
                assert batch.table.column("SHIMEI")[2].as_py() == whole[longest[:cut]]
                continue
            [reject] = batch.rejects.to_pylist()
            assert (reject["__rec_no"], reject["field"], reject["code"]) == (3, "SHIMEI", "E_ENCODING")
            begun = 2 * (5 + cut) + 3
            assert begun + cut - 2 <= int(reject["detail"].removeprefix("byte=")) <= begun + cut
            assert batch.table.column("ATO").to_pylist() == ["AB"] * 39


@pytest.mark.parametrize("encoding", WIDE)
def test_a_character_cut_at_a_columns_end_falls_with_its_record(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proves_that_a_cut_cell_falls_alone(encoding, tmp_path, monkeypatch)


@pytest.mark.parametrize("encoding", ["cp932", "euc-jp", "ibm-1399"])
def test_a_fixed_reader_that_replaces_is_noticed(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Codec, "decode_cells", lenient)

    with pytest.raises((AssertionError, ValueError)):
        proves_that_a_cut_cell_falls_alone(encoding, tmp_path, monkeypatch)


def test_a_byte_order_mark_before_records_of_fixed_length_stops_the_file(tmp_path: Path) -> None:
    codec = codec_of("utf-8")
    (tmp_path / "d").write_bytes(b"\xef\xbb\xbf" + fixed_bytes(codec, b"AB"))

    with pytest.raises(Stop):
        formats.read(tmp_path / "d", fixed_form("utf-8", 2), feed="f")


# xml ---------------------------------------------------------------------------------------------

XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="一覧"><xs:complexType><xs:sequence><xs:element ref="者" minOccurs="0" maxOccurs="unbounded"/>
</xs:sequence></xs:complexType></xs:element>
<xs:element name="者"><xs:complexType><xs:sequence><xs:element name="名" type="xs:string"/></xs:sequence>
</xs:complexType></xs:element></xs:schema>"""
#: The declaration is always in the first piece.
XML_PIECES = (*range(100, 124), 1 << 20)
CALLED = {"utf-8": "UTF-8", "cp932": "Shift_JIS", "euc-jp": "EUC-JP", "utf-16": "UTF-16"}


def xml_bytes(encoding: str) -> bytes:
    people = "".join(f"<者><名>{number}{NAME}</名></者>" for number in range(1, 6))
    text = f'<?xml version="1.0" encoding="{CALLED[encoding]}"?><一覧>{people}</一覧>'
    return text.encode(encoding)


def read_xml(content: bytes, folder: Path, encoding: str) -> Batch:
    (folder / "l.xsd").write_text(XSD, "utf-8")
    (folder / "d").write_bytes(content)
    form = {
        "kind": "xml", "encoding": encoding, "root": "一覧", "record": "者", "schema": str(folder / "l.xsd"),
        "columns": [{"name": "名"}],
    }  # fmt: skip
    return formats.read(folder / "d", form, feed="f")


@pytest.mark.parametrize("encoding", ["cp932", "euc-jp", "utf-16"])
def test_xml_in_pieces_of_any_size_gives_what_the_whole_gives(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in XML_PIECES:
        monkeypatch.setattr(xml_text, "_CHUNK", size)

        names = read_xml(xml_bytes(encoding), tmp_path, encoding).table.column("名").to_pylist()

        assert names == [f"{number}{NAME}" for number in range(1, 6)]


def proves_that_a_cut_character_stops_the_file(
    encoding: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, name = xml_bytes(encoding), NAME.encode(encoding)
    step, at = len(name) // 3, [*places(content, name)][2]
    for cut in (place for place in range(1, len(name)) if place % step):
        broken = content[: at + cut] + content[at + len(name) :]
        begun = at + cut // step * step
        for size in (begun, begun + 1, begun + 2, 1 << 20):
            monkeypatch.setattr(xml_text, "_CHUNK", size)
            with pytest.raises(Stop) as caught:
                read_xml(broken, folder, encoding)

            facts = caught.value.facts
            assert (caught.value.code, facts["rec_no"]) == ("E_ENCODING", 3)
            assert begun <= int(str(facts["offset"])) < begun + step


def places(content: bytes, part: bytes) -> list[int]:
    found, at = [], content.find(part)
    while at >= 0:
        found.append(at)
        at = content.find(part, at + 1)
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "euc-jp"])
def test_a_character_cut_in_an_xml_file_stops_it_at_its_record(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proves_that_a_cut_character_stops_the_file(encoding, tmp_path, monkeypatch)


def test_an_xml_reader_that_replaces_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Codec, "decode", lambda codec, raw, **_: replaced(codec, raw))

    with pytest.raises(pytest.fail.Exception):
        proves_that_a_cut_character_stops_the_file("cp932", tmp_path, monkeypatch)


@pytest.mark.parametrize("encoding", ["cp932", "euc-jp"])
def test_a_byte_order_mark_before_xml_that_is_not_unicode_stops_the_file(
    encoding: str, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        read_xml(b"\xef\xbb\xbf" + xml_bytes(encoding), tmp_path, encoding)


def test_utf16_without_its_byte_order_mark_stops_the_file(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="E_ENCODING"):
        read_xml(xml_bytes("utf-16")[2:], tmp_path, "utf-16")
