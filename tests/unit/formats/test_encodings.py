"""Every codec, both ways: what goes in comes out, or is reported with its place. Nothing is replaced."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.formats.encoding_cases import (
    NAMES,
    WIDE,
    array,
    block,
    codec_of,
    declared,
    repertoire,
    rows_of,
    texts,
    wide_repertoire,
)

from renkei.errors import FixDeclaration
from renkei.formats import encodings
from renkei.formats.encodings.codec import Codec
from renkei.formats.encodings.plain import cp932_set

each_codec = pytest.mark.parametrize("name", NAMES)
each_wide_codec = pytest.mark.parametrize("name", WIDE)

# both ways ----------------------------------------------------------------------------------------


@each_codec
def test_every_character_comes_back(name: str) -> None:
    codec, characters = codec_of(name), repertoire(name)

    raws, reasons = codec.encode_cells(array(*characters))
    back, faults = codec.decode_cells(raws)

    assert (reasons, faults) == ({}, {})
    assert back.to_pylist() == list(characters)
    assert len(codec.losses) == 0


@each_codec
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_text_comes_back_from_cells_of_one_width(name: str, data: st.DataObject) -> None:
    codec = codec_of(name)
    values = data.draw(st.lists(texts(name), min_size=1, max_size=6))
    pad = data.draw(st.sampled_from(["blank", "wide"]))
    width = max(len(codec.encode(value)) for value in values) + data.draw(st.integers(0, 7))

    cells, reasons = codec.encode_block(array(*values), width, pad=pad)
    back, faults = codec.decode_block(cells)

    assert (reasons, faults) == ({}, {})
    assert cells.shape == (len(values), width)
    assert back.to_pylist() == values
    assert [codec.decode(cell).rstrip(encodings.PADDING) for cell in rows_of(cells)] == values


@each_codec
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_block_and_a_single_value_agree(name: str, data: st.DataObject) -> None:
    codec = codec_of(name)
    values = data.draw(st.lists(texts(name), min_size=1, max_size=6))

    raws, _ = codec.encode_cells(array(*values))

    assert raws.to_pylist() == [codec.encode(value) for value in values]


@each_wide_codec
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_fields_of_wide_characters_alone_have_no_shift_codes(name: str, data: st.DataObject) -> None:
    codec = codec_of(name).national
    wide = st.lists(st.sampled_from(wide_repertoire(name)), max_size=6).map("".join)
    values = data.draw(st.lists(wide, min_size=1))
    values = [value.rstrip(encodings.PADDING) for value in values]

    cells, reasons = codec.encode_block(array(*values), 24, pad="wide")

    assert reasons == {}
    assert codec.decode_block(cells)[0].to_pylist() == values
    assert all(len(codec.encode(value)) == 2 * _codes(codec, value) for value in values)


def _codes(codec: Codec, value: str) -> int:
    raw = codec.encode(value)
    return len(raw) // len(codec.wide_blank)


# what cannot be read ------------------------------------------------------------------------------


@each_codec
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read_strictly_or_refused_with_their_place(name: str, data: st.DataObject) -> None:
    codec = codec_of(name)
    raw = data.draw(st.binary(min_size=1, max_size=12))

    values, faults = codec.decode_block(block(raw, raw))

    if faults:
        assert values.to_pylist() == [None, None]
        assert all(0 <= place <= len(raw) for place in faults.values())
        with pytest.raises(UnicodeDecodeError):
            codec.decode(raw)
        return
    text = values[0].as_py()
    assert codec.decode(raw).rstrip(encodings.PADDING) == text
    assert "\ufffd" not in text or name == "utf-8"
    assert codec.decode(codec.encode(text)) == text


@each_wide_codec
def test_a_wide_character_cut_anywhere_is_a_fault_at_its_place(name: str) -> None:
    proves_that_a_cut_is_a_fault(codec_of(name))


def proves_that_a_cut_is_a_fault(codec: Codec) -> None:
    whole = codec.encode("A山B川")
    for cut in range(1, len(whole)):
        text, faults = codec.decode_block(block(whole[:cut]))
        if not faults:
            assert codec.encode(text[0].as_py()) == whole[:cut]
            continue
        # the place is where the character that was cut starts, or the end, where the way out is missing
        assert text[0].as_py() is None
        assert cut - 2 <= faults[0] <= cut
    inside = len(codec.encode("A山B")) + len(whole) - len(codec.encode("A山B川")) + 1
    assert codec.decode_block(block(whole[:-1]))[1] != {}
    assert codec.decode_block(block(whole[:inside]))[1] != {}


def test_the_proof_catches_a_codec_that_puts_replacement_characters() -> None:
    twin = Codec(replace(cp932_set(), decode=lambda raw: raw.decode("cp932", "replace")))

    with pytest.raises((AssertionError, UnicodeEncodeError)):
        proves_that_a_cut_is_a_fault(twin)


@each_codec
def test_a_bad_row_does_not_disturb_its_neighbours(name: str) -> None:
    codec = codec_of(name)
    undefined = {"ibm-1027": b"\x41", "ibm-1399": b"\x41", "jips-sample": b"\xff"}
    host = b"\x57" if codec.encode("A") == b"\xc1" else b"\xff"
    bad = codec.encode("A") + undefined.get(name, host)
    good = codec.encode("B") + codec.blank * (len(bad) - 1)

    values, faults = codec.decode_block(block(good, bad, good, bad))

    assert faults == {1: 1, 3: 1}
    assert values.to_pylist() == ["B", None, "B", None]


@each_codec
def test_a_nul_sets_its_record_aside(name: str) -> None:
    codec = codec_of(name)

    values, faults = codec.decode_block(block(codec.encode("A") + b"\0", codec.encode("AB")))

    assert values.to_pylist() == [None, "AB"]
    assert faults == {0: 1}


def test_a_newline_inside_a_cell_stays_in_its_cell() -> None:
    values, faults = codec_of("cp932").decode_block(block("山\n".encode("cp932"), "川 ".encode("cp932")))

    assert (values.to_pylist(), faults) == (["山\n", "川"], {})


def test_no_rows_and_no_bytes_are_no_trouble() -> None:
    for name in NAMES:
        codec = codec_of(name)

        assert codec.decode_block(block(b"", b""))[0].to_pylist() == ["", ""]
        assert codec.encode_block(array(), 4)[0].shape == (0, 4)
        assert codec.encode_block(array(None, ""), 2)[0].tobytes() == (codec.blank * 4)[:4]


# what cannot be written ---------------------------------------------------------------------------


@each_codec
def test_a_character_without_a_code_is_named_and_not_written(name: str) -> None:
    if name == "utf-8":
        return
    codec = codec_of(name)

    cells, reasons = codec.encode_block(array("A", "A😀", "B"), 8)

    assert reasons == {1: "E_UNENCODABLE char=1 code=U+1F600"}
    assert rows_of(cells)[1] == codec.blank * 8
    assert rows_of(cells)[2] == codec.encode("B").ljust(8, codec.blank)
    with pytest.raises(UnicodeEncodeError):
        codec.encode("😀")


@each_codec
def test_a_value_that_does_not_fit_is_never_cut(name: str) -> None:
    codec = codec_of(name)

    cells, reasons = codec.encode_block(array("ABC", "ABCD"), 3)

    assert reasons == {1: "E_TOO_WIDE bytes=4 width=3"}
    assert rows_of(cells)[1] == codec.blank * 3


def test_shift_codes_count_when_a_value_is_fitted_in() -> None:
    codec = codec_of("ibm-1399")

    assert codec.encode_block(array("山"), 3)[1] == {0: "E_TOO_WIDE bytes=4 width=3"}
    assert codec.encode_block(array("山"), 4)[1] == {}


def test_wide_blanks_stand_inside_the_shifts() -> None:
    codec = codec_of("ibm-1399")

    cells, _ = codec.encode_block(array("山", "", "A", "A山"), 8, pad="wide")

    assert [row.hex() for row in rows_of(cells)] == [
        "0e" + "4565" + "4040" * 2 + "0f",
        "0e" + "4040" * 3 + "0f",
        "c1" + "0e" + "4040" * 2 + "0f" + "40",
        "c1" + "0e" + "4565" + "4040" + "0f" + "40",
    ]


def test_a_private_character_of_unknown_origin_is_never_written() -> None:
    for name in NAMES:
        _, reasons = codec_of(name).encode_block(array("\ue000", "\U000f0000"), 4)

        assert set(reasons) == {0, 1}, name


# look-alikes --------------------------------------------------------------------------------------


def test_a_look_alike_is_written_as_the_encoding_knows_it_and_reported() -> None:
    codec = codec_of("cp932")

    cells, reasons = codec.encode_block(array("３〜４", "A", "−〜"), 6, first=11)

    assert reasons == {}
    assert codec.decode_block(cells)[0].to_pylist() == ["３～４", "A", "－～"]
    assert codec.losses.table().to_pylist() == [
        loss("cp932", "−", "U+2212", "－", 1, [13]),
        loss("cp932", "〜", "U+301C", "～", 2, [11, 13]),
    ]


def test_the_host_codes_of_1990_know_the_other_look_alike() -> None:
    codec = codec_of("ibm-930")

    assert codec.decode(codec.encode("～－")) == "〜−"
    assert [each.character for each in codec.losses] == ["－", "～"]
    assert codec_of("ibm-1399").decode(codec_of("ibm-1399").encode("～〜")) == "～〜"


def loss(
    encoding: str, character: str, code: str, became: str, count: int, records: list[int]
) -> dict[str, object]:
    names = {"encoding": encoding, "character": character, "code": code, "became": became}
    return {**names, "count": count, "records": records}


# shift codes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ("0e4565", 3),  # the way out is missing: the cell was cut
        ("0e456545", 3),  # cut in the middle of a character
        ("45650f40", 2),  # the way in is missing
        ("0e0e45650f", 1),
        ("0e45650f0f", 4),
        ("0e450f", 1),
        ("c10efefe0f", 2),  # what ICU writes where it knows no code
        ("c1410f", 1),
    ],
)
def test_a_broken_shift_is_a_fault_at_its_place(raw: str, place: int) -> None:
    codec = codec_of("ibm-1399")

    assert codec.decode_block(block(bytes.fromhex(raw)))[1] == {0: place}
    with pytest.raises(UnicodeDecodeError) as caught:
        codec.decode(bytes.fromhex(raw))
    assert caught.value.start == place


def test_icu_alone_reads_some_of_these_without_a_word() -> None:
    from icu import UnicodeString

    assert str(UnicodeString(bytes.fromhex("0e4565"), "ibm-1399")) == "山"
    assert bytes(UnicodeString("😀").encode("ibm-1399")) == bytes.fromhex("0efefe0f")


def test_a_column_of_kanji_without_its_shifts_is_noticed_where_it_is_declared_wide() -> None:
    codec = codec_of("ibm-930")
    lost = codec.encode("山川")[1:-1]  # both shift codes are gone: 4565 4567 read as single bytes
    kept = codec.national.encode("山川")

    assert codec.decode_block(block(lost))[0].to_pylist() != [None]
    assert codec.decode_block(block(lost), wide=True)[1] == {0: 0}
    assert codec.national.decode_block(block(kept), wide=True)[0].to_pylist() == ["山川"]


def test_ebcdic_ends_its_lines_with_nel() -> None:
    assert codec_of("ibm-290").decode(b"\x15\x25") == "\x85\n"


# declarations -------------------------------------------------------------------------------------


def test_an_unknown_encoding_is_named_with_the_nearest() -> None:
    with pytest.raises(FixDeclaration) as caught:
        encodings.of({"encoding": "eucjp"})

    assert "nearest: euc-jp" in str(caught.value.facts["problems"])
    assert [place for place, _, _ in encodings.problems({"encoding": "eucjp"})] == [("encoding",)]
    assert list(encodings.problems(declared("jef-sample"))) == []


def test_without_icu_the_host_codes_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from renkei.formats.encodings import host

    monkeypatch.setitem(sys.modules, "icu", None)
    host._icu.cache_clear()
    host._table.cache_clear()
    host.charset.cache_clear()
    encodings.charset.cache_clear()
    try:
        with pytest.raises(FixDeclaration) as caught:
            encodings.named("ibm-1399")
        assert caught.value.code == "E_HOST_CODES"
        assert encodings.named("cp932").encode("髙") == b"\xfb\xfc"
    finally:
        host._icu.cache_clear()
