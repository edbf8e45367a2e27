"""A file is read by the layout of its own day, whichever day it is fetched on."""

from datetime import date
from pathlib import Path

import pytest
from tests.unit.mapping.small import load

from renkei import mapping
from renkei.errors import Stop

FEED = """system = "test"
title = "試験"
owner = "情報政策課"

[[feed]]
name = "people"
connector = "folder"
connection = "test_folder"
delivers = "full"
schedule = "0 2 * * *"
record = "person"

[feed.format]
kind = "fixed"
encoding = "ascii"
record = 9
header = "1"
data = "2"
trailer = "8"
as_of = "DAY"
count = "COUNT"
header_columns = [{ name = "DAY", at = 2, bytes = 8 }]
trailer_columns = [{ name = "COUNT", at = 2, bytes = 8 }]

[[feed.field]]
to = "source_key"
from = { name = "KEY", at = 2, bytes = 4 }

[[feed.field]]
to = "household_number"
from = { name = "HOUSE", at = 6, bytes = 4 }
"""
#: From April on the two columns stand the other way round.
TURNED = """
[[feed.version]]
from = 2027-04-01

[[feed.version.field]]
to = "source_key"
from = { name = "KEY", at = 6, bytes = 4 }

[[feed.version.field]]
to = "household_number"
from = { name = "HOUSE", at = 2, bytes = 4 }
"""
EVE, FIRST = date(2027, 3, 31), date(2027, 4, 1)


def file_of(folder: Path, day: date) -> Path:
    place = folder / "file.dat"
    place.write_text(f"1{day:%Y%m%d}2AAAABBBB800000001", "ascii")
    return place


@pytest.mark.parametrize("fetched", [EVE, FIRST])
@pytest.mark.parametrize(("day", "key"), [(EVE, "AAAA"), (FIRST, "BBBB")])
def test_a_file_says_the_same_on_whichever_day_it_is_fetched(
    tmp_path: Path, day: date, key: str, fetched: date
) -> None:
    [made] = load(FEED + TURNED, tmp_path)

    batch = mapping.read(file_of(tmp_path, day), made, day=fetched)

    assert batch.control.as_of == day
    assert mapping.apply(made, batch, as_of=day).records["source_key"].to_pylist() == [key]


def test_a_file_whose_day_turns_with_its_layout_is_refused(tmp_path: Path) -> None:
    """By either layout its header names a day of the other one."""
    moved = 'format = { as_of = "OTHER", header_columns = [{ name = "OTHER", at = 10, bytes = 8 }], record = 17 }\n'
    text = FEED.replace("record = 9\n", "record = 17\n")
    text = text.replace(
        'name = "DAY", at = 2, bytes = 8 }',
        'name = "DAY", at = 2, bytes = 8 }, { name = "X", at = 10, bytes = 8 }',
    )
    text = text.replace('name = "HOUSE", at = 6, bytes = 4', 'name = "HOUSE", at = 6, bytes = 12')
    [made] = load(text + "\n[[feed.version]]\nfrom = 2027-04-01\n" + moved, tmp_path)
    place = tmp_path / "file.dat"
    place.write_text("1" + "20270401" + "20270331" + "2AAAABBBBBBBBBBBB" + "800000001        ", "ascii")

    for fetched in (EVE, FIRST):
        with pytest.raises(Stop, match="E_HEADER_DATE"):
            mapping.read(place, made, day=fetched)
