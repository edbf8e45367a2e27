"""The city's feeds, made by its own legacy writers and read by the hub: nobody is lost, keys agree."""

from dataclasses import fields, replace
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from renkei import formats, mapping
from renkei.model import Mapped
from renkei.records import RECORD_TYPES
from renkei.vault.tokens import VEILED
from renkei_sample import tax_books, welfare_books
from renkei_sample.base import found
from renkei_sample.legacy import nightly, tax_files
from renkei_sample.records import Resident
from renkei_sample.state import CityState

DAY = date(2026, 11, 20)
MAPPINGS = Path(__file__).parents[2] / "mappings"


@pytest.fixture(scope="module")
def city() -> CityState:
    return found(residents=400, seed=7, day=DAY)


@pytest.fixture(scope="module")
def night(city: CityState, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Mapped]:
    """Every feed's delivery of one night, read and mapped."""
    folder = tmp_path_factory.mktemp("night")
    contents = nightly.contents(city) | {"juki.resident": arrow_file(list(city.residents.values()))}
    return {feed: map_one(feed, content, folder / feed) for feed, content in contents.items()}


def arrow_file(rows: list[Resident]) -> bytes:
    names = [each.name for each in fields(Resident)]
    columns = {name: [getattr(row, name) for row in rows] for name in names}
    texts = {
        name: [None if value is None else str(value) for value in column] for name, column in columns.items()
    }
    table = pa.table({name: pa.array(column, pa.string()) for name, column in texts.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    return sink.getvalue().to_pybytes()


@cache
def feeds() -> dict[str, mapping.Mapping]:
    return {made.feed.id: made for made in mapping.load_all(MAPPINGS)}


def map_one(feed: str, content: bytes, path: Path) -> Mapped:
    path.write_bytes(content)
    made = feeds()[feed].keyed(VEILED)
    return mapping.apply(made, formats.read(path, made.feed.format, feed=feed), as_of=DAY)


def test_every_record_of_every_feed_is_taken(city: CityState, night: dict[str, Mapped]) -> None:
    taken = {feed: result.records.num_rows for feed, result in night.items()}

    assert taken == {
        "juki.resident": len(city.residents),
        "tax.taxpayer": len(city.taxpayers),
        "tax.assessment": len(tax_books.assessments(city)),
        "tax.property": len(tax_books.properties(city)),
        "tax.dependant": len(tax_books.dependants(city)),
        "tax.returned_mail": len(tax_books.returned_mail(city)),
        "tax.representation": len(tax_books.representations(city)),
        "welfare.recipient": len(city.recipients),
        "welfare.benefit": len(city.benefits),
        "welfare.account": len(welfare_books.accounts(city)),
        "welfare.double_entitlement": len(welfare_books.double_entitlements(city)),
    }
    assert {result.rejects.num_rows for result in night.values()} == {0}
    assert all(result.records.schema == RECORD_TYPES[result.record].schema for result in night.values())


@pytest.mark.parametrize("feed", ["tax.taxpayer", "welfare.recipient"])
def test_a_city_without_errors_has_equal_keys_in_every_system(feed: str, night: dict[str, Mapped]) -> None:
    residents = pl.DataFrame(night["juki.resident"].records)
    others = pl.DataFrame(night[feed].records).filter(pl.col("numbering") == "resident")

    both = residents.join(others, on="party_number", suffix="_other").filter(pl.col("common_name").is_null())

    assert both.height > 100
    for key in (
        "name_key",
        "kana_key",
        "address_key",
        "date_of_birth_lo",
        "date_of_birth_hi",
        "sex",
        "relationship",
    ):
        assert both.filter(pl.col(key).ne_missing(pl.col(f"{key}_other"))).is_empty(), key


def test_stored_values_are_what_the_system_wrote(city: CityState, night: dict[str, Mapped]) -> None:
    rows = {row["source_key"]: row for row in night["tax.taxpayer"].records.to_pylist()}

    for written in city.taxpayers.values():
        row = rows[written.atena_no]
        assert (row["full_name"], row["full_name_kana"]) == (written.shimei, written.shimei_kana)
        assert (row["address"], row["date_of_birth_raw"]) == (written.jusho or None, written.seinengappi)


def test_the_same_night_maps_to_the_same_bytes(
    city: CityState, night: dict[str, Mapped], tmp_path: Path
) -> None:
    content = nightly.contents(city)["tax.taxpayer"]

    again = map_one("tax.taxpayer", content, tmp_path / "again")

    assert again.records.equals(night["tax.taxpayer"].records)
    assert again.mapping_digest == night["tax.taxpayer"].mapping_digest


def test_an_unknown_protection_stays_unknown(night: dict[str, Mapped]) -> None:
    said = {
        feed: set(night[feed].records.column("protected").to_pylist())
        for feed in ("juki.resident", "tax.taxpayer")
    }

    assert said["juki.resident"] <= {"none", "protected"}
    assert said["tax.taxpayer"] <= {"none", "protected", None}


def test_files_and_tables_of_before_the_new_columns_still_map(city: CityState, tmp_path: Path) -> None:
    whole = pa.ipc.open_file(arrow_file(list(city.residents.values()))).read_all()
    older = whole.drop_columns(
        ["zairyu_shikaku", "zairyu_manryo_ymd", "tenshutsu_yotei_ymd", "tennyu_tsuchi_ymd"]
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, older.schema) as file:
        file.write_table(older)
    taxed = [replace(row, hikazei="", shogaisha="", ho294="") for row in city.assessments.values()]

    people = map_one("juki.resident", sink.getvalue().to_pybytes(), tmp_path / "people")
    taxes = map_one(
        "tax.assessment", tax_files.assessment_file(taxed, day=DAY, generation=1), tmp_path / "taxes"
    )

    assert (people.records.num_rows, people.rejects.num_rows) == (len(city.residents), 0)
    assert people.records["residence_until"].null_count == len(city.residents)
    assert (taxes.records.num_rows, taxes.rejects.num_rows) == (len(taxed), 0)
    assert taxes.records["exempt"].null_count == len(taxed)


def test_no_record_holds_the_number_of_an_account(city: CityState, night: dict[str, Mapped]) -> None:
    numbers = {row.koza for row in welfare_books.accounts(city)}
    accounts = pl.DataFrame(night["welfare.account"].records)

    held = {str(value) for row in accounts.drop("source_key", "person_key").rows() for value in row}

    assert accounts["account_token"].null_count() == 0
    assert len(numbers) > 50
    assert not numbers & held
