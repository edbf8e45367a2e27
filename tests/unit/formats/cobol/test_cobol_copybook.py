"""Copybooks as they exist are read; what is not understood is refused, all of it at once, by file and line."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.formats.cobol.gnucobol import HERE

from renkei.errors import FixDeclaration
from renkei.formats import cobol
from renkei.formats.cobol.copybook import Reading, load
from renkei.formats.cobol.describe import codes
from renkei.formats.cobol.entries import literal
from renkei.formats.cobol.layout import Record
from renkei.formats.cobol.picture import NotAPicture, Picture, parse
from renkei.formats.cobol.tree import Compiler


def record(text: str | bytes, folder: Path, **reading: Any) -> Record:
    """The first record of a copybook text."""
    place = folder / "test.cpy"
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(place, Reading(**reading))[0]


def items(text: str | bytes, folder: Path, **reading: Any) -> list[tuple[str, int, int]]:
    """Name, place from 1 and bytes of every column."""
    columns = record(text, folder, **reading).offered
    return [(each.name, each.at + 1, each.cell.bytes) for each in columns]


def faults(text: str | bytes, folder: Path, **reading: Any) -> list[str]:
    """What a copybook is refused for."""
    with pytest.raises(FixDeclaration) as caught:
        record(text, folder, **reading)
    assert caught.value.code == "E_COPYBOOK"
    return str(caught.value.facts["problems"]).splitlines()


# text ---------------------------------------------------------------------------------------------

FIXED = """\
000100* 宛名レコード
000200 01  ATENA-REC.                                                   ATENA001
      /  a comment that begins a page
000300     05  BANGO       PIC 9(10).                                   ATENA002
      D    05  ONLY-WHEN-DEBUGGED PIC X.
       EJECT
000400     05  氏名　　　　PIC N(20).  *> inline
000500     05  KUBUN       PIC X VALUE 'It''s
000600-    ' . a period inside'.
000700     05  NAGAI-NA
000800-        MAE PIC X(3) VALUE "A,B; C".
"""


def test_fixed_format_has_areas_comments_and_continued_lines(tmp_path: Path) -> None:
    assert items(FIXED, tmp_path) == [
        ("BANGO", 1, 10),
        ("氏名", 11, 40),
        ("KUBUN", 51, 1),
        ("NAGAI-NAMAE", 52, 3),
    ]


def test_free_format_is_recognised_and_may_be_declared(tmp_path: Path) -> None:
    free = "01 REC.\n  *> note\n05 A PIC X(4).  05 B PIC 9(3)V99 COMP-3.\n * old comment\n"

    assert items(free, tmp_path) == [("A", 1, 4), ("B", 5, 3)]
    assert items(free, tmp_path, form="free") == items(">>SOURCE FORMAT IS FREE\n" + free, tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_the_text_may_be_in_any_japanese_encoding(encoding: str, tmp_path: Path) -> None:
    text = "       01  世帯.\n           05  続柄コード  PIC X(2).\n           05  表示　　　  PIC X(3).\n"

    assert items(text.encode(encoding), tmp_path) == [("続柄コード", 1, 2), ("表示", 3, 3)]
    assert items(text.encode("euc_jp"), tmp_path, encoding="euc-jp") == items(text, tmp_path)


def test_a_text_that_two_encodings_would_read_is_not_guessed(tmp_path: Path) -> None:
    both = "       01  A.\n      *ｱｲ\n           05  B PIC X.\n".encode("cp932")

    assert "copybook_encoding" in faults(both, tmp_path)[0]
    assert items(both, tmp_path, encoding="cp932") == [("B", 1, 1)]


def test_columns_are_counted_as_a_terminal_does(tmp_path: Path) -> None:
    """A full-width character takes two, so what stands after column 72 is no COBOL here either."""
    line = "           05  宛名番号宛名番号宛名番号  PIC X(2)."
    wide = line + " " * (72 - len(line.encode("cp932"))) + "ﾒﾓ 05 Z"

    assert items("       01  A.\n" + wide + "\n", tmp_path) == [("宛名番号宛名番号宛名番号", 1, 2)]


def test_a_text_without_01_is_one_record(tmp_path: Path) -> None:
    assert items("    03 A PIC X.\n    03 B PIC X(2).\n", tmp_path) == [("A", 1, 1), ("B", 2, 2)]


def test_placeholders_are_replaced_as_declared(tmp_path: Path) -> None:
    text = "       01  :TAG:-REC.\n           05  :TAG:-NO PIC 9(3).\n"

    assert items(text, tmp_path, replacing={":TAG:": "KJ"}) == [("KJ-NO", 1, 3)]


def test_copy_is_followed_beside_the_file_and_named_for_the_digest(tmp_path: Path) -> None:
    (tmp_path / "Jusho.CPY").write_text("           10  YUBIN PIC 9(7).\n", "utf-8")
    text = "       01  A.\n           05  B.\n           COPY JUSHO.\n           05  C PIC X.\n"

    assert items(text, tmp_path) == [("YUBIN", 1, 7), ("C", 8, 1)]
    assert [place.name for place in cobol.sources(tmp_path / "test.cpy")] == ["test.cpy", "Jusho.CPY"]


# clauses ------------------------------------------------------------------------------------------


def test_usages_have_the_sizes_of_ibm_unless_declared(tmp_path: Path) -> None:
    text = """
       01  R.
         05  A PIC S9(4) COMP.
         05  B PIC 9(5) BINARY.
         05  C PIC S9(18) COMPUTATIONAL-4.
         05  D PIC 9(2) COMP.
         05  E PIC S9(7) PACKED-DECIMAL.
         05  F PIC S9(8) USAGE IS COMP-3.
         05  G PIC G(3) DISPLAY-1.
         05  H PIC N(3) USAGE NATIONAL.
         05  I COMP-1.   05  J USAGE COMP-2.
         05  K PIC S9(3) SIGN IS LEADING SEPARATE CHARACTER.
"""
    ibm = [size for _, _, size in items(text, tmp_path)]
    gnu = [size for _, _, size in items(text, tmp_path, compiler=Compiler(binary_size="1-2-4-8"))]

    assert ibm == [2, 4, 8, 2, 4, 5, 6, 6, 4, 8, 4]
    assert gnu == [2, 4, 8, 1, 4, 5, 6, 6, 4, 8, 4]


def test_a_group_passes_on_usage_and_sign(tmp_path: Path) -> None:
    text = """
       01  R.
         05  A USAGE COMP-3.
           10  B PIC S9(5).
           10  C PIC S9(3) DISPLAY SIGN TRAILING SEPARATE.
         05  D SIGN LEADING SEPARATE.
           10  E PIC S9(2).
"""
    assert items(text, tmp_path) == [("B", 1, 3), ("C", 4, 4), ("E", 8, 3)]


def test_tables_and_groups_name_their_columns(tmp_path: Path) -> None:
    text = """
       01  R.
         05  ICHI.
           10  KO PIC X.
         05  NI OCCURS 2.
           10  KO PIC X.
           10  SAN PIC X(2) OCCURS 2 TIMES INDEXED BY I J.
"""
    assert items(text, tmp_path) == [
        ("ICHI.KO", 1, 1),
        ("NI.KO(1)", 2, 1),
        ("SAN(1,1)", 3, 2),
        ("SAN(1,2)", 5, 2),
        ("NI.KO(2)", 7, 1),
        ("SAN(2,1)", 8, 2),
        ("SAN(2,2)", 10, 2),
    ]


def test_redefinitions_are_views_unless_a_rule_takes_them(tmp_path: Path) -> None:
    text = """
       01  R.
         05  K PIC X.
         05  A PIC X(6).
         05  B REDEFINES A.
           10  C PIC X(2).
           10  D PIC X(4).
           10  E REDEFINES D PIC 9(4).
         05  F PIC X.
"""
    rule = [{"item": "A", "take": "B"}]

    assert items(text, tmp_path) == [("K", 1, 1), ("A", 2, 6), ("F", 8, 1)]
    assert items(text, tmp_path, redefines=rule) == [("K", 1, 1), ("C", 2, 2), ("D", 4, 4), ("F", 8, 1)]
    assert [each.name for each in record(text, tmp_path).columns if each.is_extra] == ["C", "D", "E"]


def test_level_88_gives_the_codes_of_an_item(tmp_path: Path) -> None:
    place = tmp_path / "test.cpy"
    place.write_text(
        """
       01  R.
         05  SEI PIC X.
           88 男 VALUE '1'.
           88 女 VALUES ARE "2".
           88 不明 VALUE SPACE '3' THRU '9'.
         05  KA PIC N(2).
           88 課税 VALUE N'課税'.
""",
        "utf-8",
    )
    found = {item: [(c.name, c.values) for c in conditions] for item, conditions in codes(place).items()}

    assert found == {
        "SEI": [("男", (("1", "1"),)), ("女", (("2", "2"),)), ("不明", (("", ""), ("3", "9")))],
        "KA": [("課税", (("課税", "課税"),))],
    }


@pytest.mark.parametrize(
    ("text", "value"), [("'A''B'", "A'B"), ('N"課税"', "課税"), ("ZERO", "0"), ("SPACES", ""), ("-12", "-12")]
)
def test_literals(text: str, value: str) -> None:
    assert literal(text) == value


@pytest.mark.parametrize(
    ("text", "category", "places", "scale"),
    [
        ("X", "text", 1, 0),
        ("X(10)", "text", 10, 0),
        ("XX9(3)A", "text", 6, 0),
        ("9(5)V9(2)", "number", 7, 2),
        ("S9(3)PP", "number", 3, -2),
        ("SVPP9(3)", "number", 3, 5),
        ("PP9", "number", 1, 3),
        ("V99", "number", 2, 2),
        ("N(4)", "wide", 4, 0),
        ("G(2)B", "wide", 3, 0),
        ("ZZ,ZZ9.99-", "text", 10, 0),
        ("+9(3).9CR", "text", 8, 0),
        ("\\\\,\\\\9", "text", 6, 0),
        ("9(3)V9Z", "text", 5, 0),
        ("9(4)/99/99", "text", 10, 0),
    ],
)
def test_pictures(text: str, category: str, places: int, scale: int) -> None:
    picture = parse(text)

    assert (picture.category, picture.places, picture.scale) == (category, places, scale)
    assert isinstance(picture, Picture)


@pytest.mark.parametrize("text", ["X(", "Q", "S", "9(0)", "9(39)", "VV9", "P9P", "9V9P", "X()", "1(8)", "NX"])
def test_pictures_that_no_compiler_takes(text: str) -> None:
    with pytest.raises(NotAPicture):
        parse(text)


# damage -------------------------------------------------------------------------------------------

WORDS = [
    *(HERE / "kj.cpy").read_text("utf-8").split(),
    "OCCURS",
    "DEPENDING",
    "ON",
    "(",
    ")",
    ".",
    "'",
    '"',
    "==",
    "COPY",
    "88",
    "66",
    "SYNC",
    "-",
]


@settings(max_examples=150, deadline=None)
@given(
    words=st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=30),
    form=st.sampled_from(["fixed", "free", None]),
)
@example(words=["01", "A", "PIC", "X", "REDEFINES", "."], form="free")
@example(words=["88", "A", "VALUE", "THRU", "."], form="free")
def test_no_text_breaks_the_parser_otherwise_than_by_its_list_of_faults(
    words: list[str], form: str | None
) -> None:
    raw = "\n".join("       " + " ".join(words[at : at + 6]) for at in range(0, len(words), 6)).encode()
    with TemporaryDirectory() as folder, suppress(FixDeclaration):
        place = Path(folder) / "test.cpy"
        place.write_bytes(raw)
        load(place, Reading(form=form))


@settings(max_examples=100, deadline=None)
@given(
    at=st.integers(0, len((HERE / "kj.cpy").read_bytes())), cut=st.integers(0, 40), data=st.binary(max_size=8)
)
def test_a_damaged_copybook_is_read_or_refused(at: int, cut: int, data: bytes) -> None:
    whole = (HERE / "kj.cpy").read_bytes()
    with TemporaryDirectory() as folder, suppress(FixDeclaration):
        place = Path(folder) / "test.cpy"
        place.write_bytes(whole[:at] + data + whole[at + cut :])
        load(place, Reading())


# refusals -----------------------------------------------------------------------------------------


def test_everything_that_is_wrong_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    text = """
       01  R.
         05  A PIC Q(3).
         05  B PIC X USAGE POINTER.
         05  C.
         05  D REDEFINES NOWHERE PIC X.
         05  E PIC X(2) COMP-3.
         66  F RENAMES A THRU B.
           COPY KYOTSU REPLACING ==A== BY ==B==.
         05  G PIC 9 OCCURS MANY TIMES.
         05  H PIC X
"""
    found = faults(text, tmp_path)

    assert [line.split(":")[1] for line in found] == ["3", "4", "5", "6", "7", "8", "9", "10", "11"]
    assert found[5] == "test.cpy:8: expected levels 01 to 49, 77 and 88, found 66 RENAMES"
    assert "COPY KYOTSU REPLACING" in found[6]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("05 N PIC 9. 05 T OCCURS 1 TO 3 DEPENDING ON N PIC X. 05 Z PIC X.", "at the end of its record"),
        ("05 N PIC 9. 05 G OCCURS 2. 10 T OCCURS 1 TO 3 DEPENDING ON N PIC X.", "at the end of its record"),
        ("05 A PIC X. 05 A PIC X.", "one item a name"),
        ("05 A PIC X. 05 T OCCURS 20000 PIC X.", "at most 10000 columns"),
        ("05 A OCCURS 9999. 10 B OCCURS 9999. 15 C OCCURS 9999 PIC X.", "at most 10000 columns"),
        ("05 A PIC X(3) VALUE 'x.", "a closed literal"),
        ("05 A PIC X. 78 B VALUE 1.", "levels 01 to 49"),
        (">>IF A DEFINED", "no compiler directive"),
    ],
)
def test_what_is_not_read_is_refused(lines: str, expected: str, tmp_path: Path) -> None:
    text = "01 R.\n" + lines.replace(". ", ".\n") + "\n"

    assert any(expected in fault for fault in faults(text, tmp_path))


def test_a_copybook_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FixDeclaration) as caught:
        load(tmp_path / "gone.cpy", Reading())

    assert "no file that can be read" in str(caught.value.facts["problems"])


def test_rules_for_an_item_that_is_not_redefined_are_refused(tmp_path: Path) -> None:
    text = "01 R.\n05 A PIC X.\n"

    assert "redefines A" in faults(text, tmp_path, redefines=[{"item": "A", "take": "B"}])[0]
