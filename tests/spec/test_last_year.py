"""Last year's deliveries, mapped again by this year's text: byte for byte what they were.

A year of a department's CSV files is mapped by the text of that year. Then the law changes: a text with a
date, codes with days, a column more in the file. What was delivered before that date must come out as it did,
records and rejects alike, in the very bytes of an Arrow stream. Each kind of change has its bad twin, the same
change without its date, which must be seen.
"""

import itertools
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from renkei import formats, mapping
from renkei.errors import RenkeiError
from renkei.model import Mapped

LAW = date(2027, 4, 1)
#: The first of each month of the year before the law.
YEAR = tuple(date(2026 + (month > 12), (month - 1) % 12 + 1, 1) for month in range(4, 16))

HEAD = """system = "care"
title = "介護"
owner = "保険年金課"

[[feed]]
name = "insured"
connector = "folder"
connection = "care_folder"
format = { kind = "csv", eol = "lf", header = { mark = "H", columns = ["H", "SAKUSEI"] }, trailer = { mark = "T", columns = ["T", "KENSU"] }, count = "KENSU", as_of = "SAKUSEI" }
delivers = "full"
schedule = "0 5 * * *"
lag = "26h"
record = "person"
"""
BY_EVENT = HEAD + 'version_by = "valid_from"\n'
FIELDS = """
[[feed.field]]
to = "source_key"
from = "BANGO"

[[feed.field]]
to = "valid_from"
from = "IDO"
steps = [{ seireki = "YYYYMMDD", unknown = "00" }]

[[feed.field]]
to = "full_name"
from = "SHIMEI"

[[feed.field]]
to = "name_key"
from = "SHIMEI"
steps = ["name_key"]

[[feed.field]]
to = "date_of_birth"
from = "SEINENGAPPI"
steps = [{ wareki = "GYYMMDD", unknown = "00" }]

[[feed.field]]
to = "change_kind"
from = "JIYU"
steps = [{ code = "reason" }]
"""
NEW_LAW = """
[[feed.version.field]]
to = "full_name"
from = "SHIMEI"
max = 3

[[feed.version.field]]
to = "terminal"
from = "TANMATSU"
"""
VERSION = f"\n[[feed.version]]\nfrom = {LAW}\n{NEW_LAW}"
AT_ONCE = FIELDS.replace('from = "SHIMEI"\n\n', 'from = "SHIMEI"\nmax = 3\n\n', 1)

THEN = {"1": "new", "2": "address"}
#: Code 2 comes to mean something else, 3 comes into being, 1 goes out of use.
ROWS_THEN = tuple(f'code = "{code}"\nto = "{to}"' for code, to in THEN.items())
ROWS_NOW = (
    'code = "1"\nto = "new"\nvalid_to = 2027-03-31',
    'code = "2"\nto = "address"\nvalid_to = 2027-03-31',
    'code = "2"\nto = "name"\nvalid_from = 2027-04-01',
    'code = "3"\nto = "death"\nvalid_from = 2027-04-01',
)
ROWS_WITHOUT_DAYS = ('code = "1"\nto = "new"', 'code = "2"\nto = "name"')
ROWS_WITH_MORE = (*ROWS_THEN, 'code = "3"\nto = "death"')

NAMES = ("BANGO", "IDO", "SHIMEI", "SEINENGAPPI", "JIYU")


def rows(day: date) -> list[tuple[str, ...]]:
    """A delivery's records: sound ones, an unknown code, an impossible date, and events older than the file."""
    told = f"{day:%Y%m%d}"
    reasons, born = ("1", "2", "3"), ("3400500", "3640107", "3640108", "4020203")
    chosen = itertools.islice(itertools.cycle(itertools.product(reasons, born)), 24)
    events = itertools.cycle((told, "20260415", "20270331", "20260400", ""))
    return [
        (f"{number:04}", event, "葛原　花子" if number % 2 else "林一", birth, reason)
        for number, ((reason, birth), event) in enumerate(zip(chosen, events, strict=False), 1)
    ]


def delivery(day: date, folder: Path, *, more: bool = False) -> Path:
    """The file of a day; ``more`` is the layout of the new law, with a column at the end."""
    names = (*NAMES, "TANMATSU") if more else NAMES
    content = [(*row, "K01") if more else row for row in rows(day)]
    lines = [f"H,{day:%Y%m%d}", ",".join(names), *map(",".join, content), f"T,{len(content)}"]
    place = folder / f"{day:%Y%m%d}{'-more' * more}.csv"
    place.write_text("\n".join(lines) + "\n", "utf-8")
    return place


def load(text: str, codes: tuple[str, ...], folder: Path) -> mapping.Mapping:
    """A mapping with its one code table, in a folder of its own."""
    (folder / "codes").mkdir(parents=True)
    table = "".join(f"\n[[codes]]\n{row}\n" for row in codes)
    (folder / "codes" / "reason.toml").write_text(f'title = "異動事由"\n{table}', "utf-8")
    (folder / "care.toml").write_text(text, "utf-8")
    [made] = mapping.load(folder / "care.toml", codes=folder / "codes")
    return made


def taken(made: mapping.Mapping, place: Path, day: date) -> Mapped:
    """Read and map a file by the text of its own day, as a run does."""
    batch = formats.read(place, made.at(day).feed.format, feed=made.feed.id)
    assert batch.control.as_of == day
    return mapping.apply(made, batch, as_of=day)


def in_bytes(result: Mapped) -> bytes:
    """Records and rejects as an Arrow stream each, one behind the other."""
    sink = pa.BufferOutputStream()
    for table in (result.records, result.rejects):
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()


def year(made: mapping.Mapping, folder: Path) -> list[bytes]:
    return [in_bytes(taken(made, delivery(day, folder), day)) for day in YEAR]


@pytest.fixture
def before(tmp_path: Path) -> list[bytes]:
    """What the year's deliveries became at the time."""
    return year(load(HEAD + FIELDS, ROWS_THEN, tmp_path / "then"), tmp_path)


def test_the_year_has_sound_records_and_rejects_of_more_than_one_kind(tmp_path: Path) -> None:
    made = load(HEAD + FIELDS, ROWS_THEN, tmp_path / "then")

    result = taken(made, delivery(YEAR[0], tmp_path), YEAR[0])

    assert len(YEAR) == 12
    assert max(YEAR) < LAW
    assert result.records.num_rows == 12
    assert set(result.rejects["code"].to_pylist()) == {"E_UNKNOWN_CODE", "E_IMPOSSIBLE_DATE"}


def test_a_change_of_law_with_its_date_changes_no_byte_of_the_year_before(
    before: list[bytes], tmp_path: Path
) -> None:
    now = load(HEAD + FIELDS + VERSION, ROWS_NOW, tmp_path / "now")

    assert year(now, tmp_path) == before


def test_from_its_date_on_the_same_text_says_the_new_law(tmp_path: Path) -> None:
    now = load(HEAD + FIELDS + VERSION, ROWS_NOW, tmp_path / "now")

    result = taken(now, delivery(LAW, tmp_path, more=True), LAW)

    assert set(result.records["change_kind"].to_pylist()) == {"name", "death"}  # 2 and 3; 1 is out of use
    assert set(result.records["terminal"].to_pylist()) == {"K01"}
    assert "E_TOO_LONG" in result.rejects["code"].to_pylist()


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        pytest.param(HEAD + AT_ONCE, ROWS_THEN, id="a field without a version"),
        pytest.param(HEAD + FIELDS, ROWS_WITHOUT_DAYS, id="another meaning without a day"),
        pytest.param(HEAD + FIELDS, ROWS_WITH_MORE, id="a new code without a day"),
    ],
)
def test_a_change_without_its_date_is_seen(
    before: list[bytes], tmp_path: Path, text: str, codes: tuple[str, ...]
) -> None:
    undated = load(text, codes, tmp_path / "undated")

    replayed = year(undated, tmp_path)

    assert all(was != now for was, now in zip(before, replayed, strict=True))


def test_a_column_of_the_new_law_without_its_date_refuses_last_years_files(tmp_path: Path) -> None:
    undated = load(
        HEAD + FIELDS + '\n[[feed.field]]\nto = "terminal"\nfrom = "TANMATSU"\n', ROWS_THEN, tmp_path / "now"
    )

    with pytest.raises(RenkeiError, match="E_COLUMN"):
        year(undated, tmp_path)


def test_by_the_records_date_the_year_is_the_same_too(tmp_path: Path) -> None:
    then = year(load(BY_EVENT + FIELDS, ROWS_THEN, tmp_path / "then"), tmp_path)

    now = load(BY_EVENT + FIELDS + SAME_COLUMNS, ROWS_NOW, tmp_path / "now")

    assert year(now, tmp_path) == then


SAME_COLUMNS = f"""
[[feed.version]]
from = {LAW}

[[feed.version.field]]
to = "full_name"
from = "SHIMEI"
max = 3
"""


def test_a_late_delivery_tells_last_years_events_by_last_years_law(tmp_path: Path) -> None:
    """The records of 2026 come out alike, whether the file is of 2026 or of a year later."""
    later = date(2028, 3, 1)
    then = load(BY_EVENT + FIELDS, ROWS_THEN, tmp_path / "then")
    now = load(BY_EVENT + FIELDS + SAME_COLUMNS, ROWS_NOW, tmp_path / "now")

    was, late = (
        taken(then, delivery(YEAR[-1], tmp_path), YEAR[-1]),
        taken(now, delivery(later, tmp_path), later),
    )

    assert told_of("2026-04-15", late) == told_of("2026-04-15", was)
    assert told_of("2026-04-15", was)


def test_by_the_deliverys_date_a_late_delivery_tells_them_by_the_new_law(tmp_path: Path) -> None:
    """The bad twin: the same text without ``version_by``."""
    later = date(2028, 3, 1)
    then = load(HEAD + FIELDS, ROWS_THEN, tmp_path / "then")
    now = load(HEAD + FIELDS + SAME_COLUMNS, ROWS_NOW, tmp_path / "now")

    was, late = (
        taken(then, delivery(YEAR[-1], tmp_path), YEAR[-1]),
        taken(now, delivery(later, tmp_path), later),
    )

    assert told_of("2026-04-15", late) != told_of("2026-04-15", was)


def told_of(day: str, result: Mapped) -> list[dict[str, object]]:
    """The records of one event day, without the version that a delivery's day stands in for."""
    on = date.fromisoformat(day)
    return [
        {name: value for name, value in row.items() if name != "source_version"}
        for row in result.records.to_pylist()
        if row["valid_from"] == on
    ]
