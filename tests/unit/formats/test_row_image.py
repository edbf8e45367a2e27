"""Row images, as MariaDB 10.11 logged them; every type beside its SELECT is in the integration tests."""

import pytest

from renkei.formats.changes.row_image import Described, Unreadable, images, readers_of

COLUMNS = (
    Described(name="no", type=15, charset="cp932", length=10),
    Described(name="kin", type=246, precision=7, decimals=2),
    Described(name="hi", type=10),
)
ROW = b"\x00\x04\xfb\xfc\x8b\xb4" + b"\x7f\xfe\x85\xf0" + (1950 << 9).to_bytes(3, "little")


def test_a_row_reads_as_text() -> None:
    (row,) = images(ROW, readers_of(COLUMNS))

    assert row == ("髙橋", "-378.15", "1950-00-00")


def test_rows_follow_one_another_and_nulls_take_no_room() -> None:
    assert list(images(b"\x06\x00" * 3, readers_of(COLUMNS))) == [("", None, None)] * 3


def test_an_image_that_ends_early_is_refused() -> None:
    for length in range(1, len(ROW)):
        with pytest.raises(Unreadable):
            list(images(ROW[:length], readers_of(COLUMNS)))


def test_a_character_that_is_none_is_refused_and_not_told() -> None:
    with pytest.raises(Unreadable) as refused:
        list(images(b"\x00\x02\x85\x40" + ROW[6:], readers_of(COLUMNS)))

    assert str(refused.value) == "UnicodeDecodeError"


@pytest.mark.parametrize(
    "column",
    [
        Described(name="f", type=5),
        Described(name="c", type=15, charset="ujis", length=9),
        Described(name="e", type=247, charset="cp932", size=1, values=("男",)),
    ],
)
def test_a_type_whose_text_is_not_certain_has_no_reader(column: Described) -> None:
    with pytest.raises(Unreadable, match=f"column {column.name}"):
        readers_of([column])
