"""Out and in again: what the mapping writes in the source's layout, it reads as the same records."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.spec.test_mapping_city import MAPPINGS, arrow_file
from tests.unit.mapping.small import DAY, HEAD, batch, field, load

from renkei import formats, mapping
from renkei.mapping import outgoing
from renkei.model import Batch
from renkei.vault.tokens import TokenKey
from renkei_sample import welfare_books
from renkei_sample.base import found
from renkei_sample.legacy import nightly
from renkei_sample.records import DoubleEntitlement, ReturnedMail
from renkei_sample.state import CityState

FEEDS = {made.feed.id: made for made in mapping.load_all(MAPPINGS)}

#: Raw columns that do not come back letter for letter for the city's records that can be written.
NOT_EXACT = {
    "juki.resident": {"rireki_no", "seinengappi_hyoki", "todoke_ymd"},
    "tax.taxpayer": set(),
    "tax.assessment": {"NENZEI", "SOFU_YUBIN"},
    "welfare.recipient": {"更新日時"},  # the same instant without T and zone
    "welfare.benefit": {"更新日時"},
    "tax.property": set(),
    "tax.dependant": set(),
    "tax.returned_mail": set(),
    "tax.representation": set(),
    "welfare.account": {"更新日時", "金融機関コード", "支店コード", "預金種目", "口座番号"},
    "welfare.double_entitlement": {"更新日時"},
}


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, mapping.Mapping]:
    key = TokenKey(tmp_path_factory.mktemp("keys"))
    return {feed: made.keyed(key) for feed, made in FEEDS.items()}


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Batch]:
    city, folder = found(residents=300, seed=11, day=DAY), tmp_path_factory.mktemp("out")
    _put_in(city)
    contents = nightly.contents(city) | {"juki.resident": arrow_file(list(city.residents.values()))}
    for feed, content in contents.items():
        (folder / feed).write_bytes(content)
    return {feed: formats.read(folder / feed, FEEDS[feed].feed.format, feed=feed) for feed in contents}


def _put_in(city: CityState) -> None:
    """What so few people do not have by themselves: returned notices, a list's lines, an account unknown."""
    numbers, recipients = list(city.taxpayers), list(city.recipients)
    for place, (why, published, resolved) in enumerate(
        [("1", "20261015", ""), ("2", "", "20261020"), ("3", "", "")]
    ):
        mail = ReturnedMail(
            henrei_no=f"9000000{place}", atena_no=numbers[place], hasso_ymd="20260901",
            henrei_ymd="20260908", riyu=why, koji_ymd=published, kaisho_ymd=resolved,
            koshin_ymdhms=f"2026102009000{place}", sosa_id="S0301",
        )  # fmt: skip
        city.returned_mail[mail.henrei_no] = mail
    for place, day in enumerate(["2026-10-10", "2026-11-10"]):
        line = DoubleEntitlement(
            bango=f"{day.replace('-', '')}-{recipients[place]}", taishosha=recipients[place], ichiranbi=day,
            hokensha="葛原電機健康保険組合", shutokubi="2026-10-01", koshin=f"{day}T19:30:00+09:00",
            koshinsha="BATCH02",
        )  # fmt: skip
        city.double_entitlements[line.bango] = line
    account = next(iter(welfare_books.accounts(city)))
    unknown = replace(account, bango="X00000001", ginko="0000", shiten="000", shumoku="0", koza="0000000")
    city.accounts[unknown.bango] = unknown


def again(raw: pa.Table, feed: mapping.Mapping, *, as_of: date = DAY) -> pa.Table:
    """The records that the mapping reads from raw columns."""
    numbers = [pa.array([0] * raw.num_rows, pa.int64())] * 2
    table = raw.append_column("__byte_offset", numbers[0]).append_column("__byte_length", numbers[1])
    return mapping.apply(
        feed, replace(batch(bango=[]), table=table, records=raw.num_rows), as_of=as_of
    ).records


def trimmed(column: pa.ChunkedArray) -> list[str | None]:
    return [(text or "").rstrip(" \u3000") or None for text in column.to_pylist()]


@pytest.mark.parametrize("feed", sorted(FEEDS))
def test_a_city_feed_written_in_its_layout_is_read_as_the_same_records(
    feed: str, feeds: dict[str, mapping.Mapping], deliveries: dict[str, Batch]
) -> None:
    records = mapping.apply(feeds[feed], deliveries[feed], as_of=DAY).records

    made = outgoing.write(feeds[feed], records, as_of=DAY)

    numbers = made.table["__rec_no"].to_pylist()
    aside = made.rejects["__rec_no"].to_pylist()
    assert sorted(numbers + aside) == records["__rec_no"].to_pylist()
    assert len(numbers) > 0
    kept = pc.is_in(records["__rec_no"], value_set=pa.array(numbers))
    assert again(made.table, feeds[feed]).equals(records.filter(kept))


@pytest.mark.parametrize("feed", sorted(FEEDS))
def test_what_is_not_noted_comes_back_letter_for_letter(
    feed: str, feeds: dict[str, mapping.Mapping], deliveries: dict[str, Batch]
) -> None:
    delivery = deliveries[feed]
    records = mapping.apply(feeds[feed], delivery, as_of=DAY).records
    making = outgoing.plan(feeds[feed], as_of=DAY).columns

    made = outgoing.write(feeds[feed], records, as_of=DAY)

    taken = pc.is_in(delivery.table["__rec_no"], value_set=made.table["__rec_no"].combine_chunks())
    raw = delivery.table.filter(taken)
    differing = {
        each.column for each in making if trimmed(made.table[each.column]) != trimmed(raw[each.column])
    }
    assert {each.column for each in making if each.note is None} & differing == set()
    assert differing == NOT_EXACT[feed]


def test_no_account_is_written_of_which_only_the_token_is_kept(
    feeds: dict[str, mapping.Mapping], deliveries: dict[str, Batch]
) -> None:
    feed = feeds["welfare.account"]
    records = mapping.apply(feed, deliveries["welfare.account"], as_of=DAY).records
    known = records.filter(pc.is_valid(records["account_token"]))

    made = outgoing.write(feed, records, as_of=DAY)

    assert set(made.rejects["source_key"].to_pylist()) == set(known["source_key"].to_pylist()) != set()
    assert set(made.rejects["code"].to_pylist()) == {"E_NOT_WRITABLE"}


def test_who_is_left_out_has_a_code_that_is_not_one_to_one(deliveries: dict[str, Batch]) -> None:
    """The office knows which of two moves it was; the hub does not, and writes neither."""
    feed = FEEDS["juki.resident"]
    records = mapping.apply(feed, deliveries["juki.resident"], as_of=DAY).records

    made = outgoing.write(feed, records, as_of=DAY)

    assert set(made.rejects["code"].to_pylist()) == {"E_NOT_WRITABLE"}
    assert set(made.rejects["field"].to_pylist()) <= {"ido_jiyu", "shien_kbn", "seinengappi"}


@pytest.mark.parametrize("feed", ["tax.taxpayer", "tax.assessment", "welfare.recipient", "welfare.benefit"])
def test_the_formats_writer_takes_what_is_made(
    feed: str, deliveries: dict[str, Batch], tmp_path: Path
) -> None:
    form = FEEDS[feed].feed.format
    records = mapping.apply(FEEDS[feed], deliveries[feed], as_of=DAY).records
    made = outgoing.write(FEEDS[feed], records, as_of=DAY)
    control = {
        "SYSTEM": "KUZUHARA",
        "SAKUSEI_YMD": "20261120",
        "SAKUSEI_HMS": "010203",
        "SEDAI": "0001",
        "@作成日": "2026-11-20",
    }
    control = {
        name: text for name, text in control.items() if name.startswith("@") == (form["kind"] == "xml")
    }

    written = formats.write(made.table, form, tmp_path / "out", feed=feed, control=control)

    assert (written.records, written.rejects.num_rows) == (made.table.num_rows, 0)
    read = formats.read(tmp_path / "out", form, feed=feed)
    result = mapping.apply(FEEDS[feed], read, as_of=DAY).records.drop(["__rec_no"])
    taken = pc.is_in(records["__rec_no"], value_set=made.table["__rec_no"].combine_chunks())
    assert result.equals(records.filter(taken).drop(["__rec_no"]))


FIELDS = (
    field("sex", '"s"', '[{ code = "sex_digit" }]')
    + field("full_name", '"n"')
    + field("date_of_birth", '"d"', '[{ wareki = "GYYMMDD" }]')
    + field("date_of_death", '"e"', '[{ seireki = "YYYYMMDD" }]')
    + field("address", '["n", "k"]')
    + field("changed_at", '"t"', '[{ timestamp = "YYYYMMDDhhmmss" }]')
    + field("is_household_head", '"b"', '[{ boolean = true, yes = ["1"], no = ["0"] }]')
    + field("household_number", '"h"', "[{ pad = 6 }]")
    + '\n[[feed.ignored]]\nname = "x"\nreason = "r"\nfill = "0"\n'
)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> mapping.Mapping:
    return load(HEAD + FIELDS, tmp_path_factory.mktemp("people"))[0]


TEXT = st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
RECORD = st.fixed_dictionaries(
    {
        "s": st.sampled_from(["1", "2", "0", "9", None]),
        "n": TEXT,
        "k": TEXT,
        "d": st.from_regex(r"[1-5][0-6][0-9][01][0-9][0-3][0-9]", fullmatch=True) | st.just("0000000"),
        "e": st.dates(date(1900, 1, 1)).map("{:%Y%m%d}".format) | st.just("20260500") | st.none(),
        "t": st.datetimes(datetime(1970, 1, 1)).map("{:%Y%m%d%H%M%S}".format),
        "b": st.sampled_from(["0", "1", None]),
        "h": st.from_regex(r"[0-9]{1,8}", fullmatch=True) | st.none(),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORD, min_size=1, max_size=10))
def test_any_records_that_are_written_are_read_as_the_same(
    people: mapping.Mapping, rows: list[dict[str, str | None]]
) -> None:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    keys: dict[str, list[str | None]] = {"bango": [f"{number:03d}" for number in range(len(rows))]}
    records = mapping.apply(people, batch(**keys, **columns), as_of=DAY).records

    made = outgoing.write(people, records, as_of=DAY)

    numbers = made.table["__rec_no"].to_pylist()
    assert sorted(numbers + made.rejects["__rec_no"].to_pylist()) == records["__rec_no"].to_pylist()
    kept = pc.is_in(records["__rec_no"], value_set=pa.array(numbers, pa.int64()))
    assert again(made.table, people).equals(records.filter(kept))
    given_back = pl.DataFrame(made.table)
    for number, text in zip(given_back["__rec_no"], given_back["d"], strict=True):
        assert text == rows[number - 1]["d"]  # the source's own text, unknown parts and all
    assert set(given_back["x"]) <= {"0"}


def test_a_joined_key_comes_apart_where_its_separator_cannot_hide(tmp_path: Path) -> None:
    text = HEAD.replace('from = "bango"', 'from = ["a", "b"]\njoin = "-"') + field("full_name", '"n"')
    [made] = load(text, tmp_path)
    rows = batch(a=["1", "1-2", "3"], b=["2", "3", "4"], n=["甲", "乙", "丙"])
    records = mapping.apply(made, rows, as_of=DAY).records

    result = outgoing.write(made, records, as_of=DAY)

    assert result.table.select(["a", "b"]).to_pylist() == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert result.rejects["__rec_no"].to_pylist() == [2]  # 1-2-3 has two places to come apart


def test_a_column_that_no_step_gives_back_says_why(tmp_path: Path) -> None:
    fields = (
        field("name_key", '"n"', '["name_key"]')
        + field("common_name", '["a", "b"]', more='pick = "first"')
        + field("address", '["c", "d"]')
        + field("operator_kind", '"o"', '[{ code = "operator_kind" }]')
    )
    [made] = load(HEAD + fields, tmp_path)

    plan = {each.column: each for each in outgoing.plan(made, as_of=DAY).columns}

    assert {name: each.how for name, each in plan.items()} == {
        "bango": "kept",
        "n": "lost",
        "a": "first",
        "b": "first",
        "c": "lost",
        "d": "lost",
        "o": "lost",
    }
    assert all(each.note and all(each.note) for name, each in plan.items() if name != "bango")
    assert "beginnings" in str(plan["o"].note)


def test_codes_go_out_as_they_were_on_the_records_own_day(tmp_path: Path) -> None:
    codes = tmp_path / "codes"
    codes.mkdir()
    rows = 'code = "1"\nto = "1"\nvalid_to = 2026-03-31', 'code = "A"\nto = "1"\nvalid_from = 2026-04-01'
    text = "".join(f"\n[[codes]]\n{row}\n" for row in rows)
    (codes / "sex.toml").write_text(f'title = "t"\n{text}', "utf-8")
    declared = HEAD.replace('record = "person"', 'record = "person"\nversion_by = "valid_from"')
    fields = field("valid_from", '"d"', '["iso_date"]') + field("sex", '"s"', '[{ code = "sex" }]')
    version = """
[[feed.version]]
from = 2026-04-01
field = [{ to = "full_name", from = "m" }, { to = "common_name", from = "n" }]
"""
    names = field("full_name", '"n"') + field("common_name", '"m"')
    [made] = load(declared + fields + names + version, tmp_path, codes=codes)
    raw = {
        "bango": ["1", "2"],
        "d": ["2026-04-01", "2026-03-31"],
        "s": ["A", "1"],
        "n": ["甲", "乙"],
        "m": ["丙", "丁"],
    }
    records = mapping.apply(made, batch(**raw), as_of=DAY).records
    assert records["full_name"].to_pylist() == ["丙", "乙"]

    result = outgoing.write(made, records, as_of=DAY)

    assert result.table.select(list(raw)).to_pydict() == raw


def test_no_records_are_an_empty_table_in_the_layout(people: mapping.Mapping) -> None:
    result = outgoing.write(people, batch_of(people, 0), as_of=DAY)

    assert (result.table.num_rows, result.rejects.num_rows) == (0, 0)
    assert "bango" in result.table.column_names


def batch_of(feed: mapping.Mapping, rows: int) -> pa.Table:
    columns = {name: [None] * rows for name in feed.raw_columns}
    return mapping.apply(feed, batch(**columns), as_of=DAY).records


def test_a_mapping_that_reads_back_otherwise_writes_nothing_wrong(tmp_path: Path) -> None:
    """The known-bad twin: a stored value that its own mapping could never have read is not sent."""
    [made] = load(HEAD + field("full_name", '"n"', more="max = 3"), tmp_path)
    records = mapping.apply(made, batch(bango=["1", "2"], n=["甲", "乙"]), as_of=DAY).records
    place = records.schema.get_field_index("full_name")
    changed = records.set_column(place, "full_name", pa.array(["長い名前", "乙"]))

    result = outgoing.write(made, changed, as_of=DAY)

    assert result.table["n"].to_pylist() == ["乙"]
    [reject] = result.rejects.to_pylist()
    assert (reject["__rec_no"], reject["field"], reject["detail"]) == (
        1,
        "n",
        "to=full_name limit=3 E_TOO_LONG",
    )
