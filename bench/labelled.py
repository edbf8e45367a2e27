"""A labelled city for level 3: each resident as several offices write them, with the slips of fingers.

Everybody is made up. Some records have lost their numbers, so that they stand as residents of their own; the
label says whose they really are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pyarrow as pa

from renkei.likeness.columns import SCHEMA
from renkei.mapping import address, folds, latin
from renkei_sample.names import name_book
from renkei_sample.population import Serials, populate
from renkei_sample.records import Resident
from renkei_sample.slips import slip_in_reading, without_variants, wrong_birth
from renkei_sample.towns import Address, new_address, other_number

DAY = date(2026, 11, 20)
#: Rates at which an office's record says something else than the resident registry's.
RATES = {
    "common_glyph": 0.5, "kana_slip": 0.02, "no_kana": 0.02, "birth_slip": 0.012, "other_number": 0.02,
    "moved": 0.06, "married": 0.01, "sex_slip": 0.003, "no_space": 0.1,
}  # fmt: skip
_BIRTH_SLIPS = ("day_typo", "day_typo", "era_error", "day_month_swap")


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """``table`` as :data:`renkei.likeness.columns.SCHEMA`; ``doubles``: (younger, elder) of one person."""

    table: pa.Table
    doubles: frozenset[tuple[int, int]]


def city(*, residents: int, seed: int = 7, numberless: float = 0.01) -> Labelled:
    """The labelled city; ``numberless`` is the share of the offices' records that stand alone."""
    rng = Random(seed)
    homes, former = populate(rng, Serials(), residents=residents, day=DAY)
    people = [*(member for home in homes for member in home.members), *former]
    rows: list[dict[str, Any]] = []
    doubles: set[tuple[int, int]] = set()
    following = len(people) + 1
    for number, entry in enumerate(people, 1):
        rows.append(_row(entry, resident=number, feed="juki.resident"))
        for feed, share in (("tax.taxpayer", 0.75), ("welfare.recipient", 0.4)):
            if rng.random() < share:
                whose = number
                if rng.random() < numberless:
                    whose, following = following, following + 1
                    doubles.add((whose, number))
                rows.append(_row(_as_another_writes(entry, rng), resident=whose, feed=feed))
    apart = {(a, b) for a, elder in doubles for b, other in doubles if a > b and elder == other}
    return Labelled(table=_keyed(rows), doubles=frozenset(doubles | apart))


def _as_another_writes(entry: Resident, rng: Random) -> Resident:
    slips = {name for name, rate in RATES.items() if rng.random() < rate}
    return replace(entry, **dict(_slipped(entry, slips, rng)))


def _slipped(entry: Resident, slips: set[str], rng: Random) -> Iterator[tuple[str, Any]]:
    name, kana = entry.shimei, entry.shimei_kana
    if entry.tsusho and rng.random() < 0.5:
        name = entry.tsusho
    if "married" in slips and entry.seibetsu == "2" and "　" in name:
        family = name_book().surname(rng)
        name, kana = family.text + name[name.index("　") :], family.kana + kana[kana.index("　") :]
    name = without_variants(name) if "common_glyph" in slips else name
    kana = (slip_in_reading(kana) or kana) if "kana_slip" in slips else kana
    yield "shimei", name.replace("　", "") if "no_space" in slips else name
    yield "shimei_kana", None if "no_kana" in slips else kana
    yield "tsusho", None
    if "sex_slip" in slips:
        yield "seibetsu", "1" if entry.seibetsu == "2" else "2"
    known = "0000" not in entry.seinengappi and "00" not in (entry.seinengappi[4:6], entry.seinengappi[6:])
    if "birth_slip" in slips and known:
        born = date(int(entry.seinengappi[:4]), int(entry.seinengappi[4:6]), int(entry.seinengappi[6:]))
        wrong = wrong_birth(born, rng.choice(_BIRTH_SLIPS), rng)
        yield "seinengappi", f"{wrong:%Y%m%d}" if wrong else entry.seinengappi
    if "moved" in slips or "other_number" in slips:
        here = Address(machiaza=entry.machiaza, banchi=entry.banchi, katagaki=None, yubin=entry.yubin_no)
        there = new_address(rng) if "moved" in slips else other_number(here, rng)
        yield "machiaza", there.machiaza
        yield "banchi", there.banchi


def _row(entry: Resident, *, resident: int, feed: str) -> dict[str, Any]:
    first, last = _born(entry.seinengappi)
    return {
        "resident_id": resident, "feed": feed, "source_key": f"{entry.atena_no}", "content_hash": "",
        "full_name": entry.shimei, "full_name_kana": entry.shimei_kana, "former_surname": entry.kyu_uji,
        "common_name": entry.tsusho, "sex": entry.seibetsu,
        "date_of_birth_lo": first, "date_of_birth_hi": last,
        "address_municipality_code": entry.shikuchoson_cd, "address": entry.machiaza + entry.banchi,
        "household_number": entry.setai_no,
    }  # fmt: skip


def _born(digits: str) -> tuple[date | None, date | None]:
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    if not year:
        return None, None
    if not month:
        return date(year, 1, 1), date(year, 12, 31)
    return (date(year, month, 1), date(year, month, 28)) if not day else (date(year, month, day),) * 2


def _keyed(rows: list[dict[str, Any]]) -> pa.Table:
    name, kana = pl.col("full_name"), pl.col("full_name_kana")
    latin_name = pl.when(name.str.contains("^[A-Za-zＡ-Ｚａ-ｚ]")).then(name)
    towns, _ = address.load(Path(__file__).parents[1] / "mappings" / "towns")
    place = address.place(pl.col("address"), municipality=pl.col("address_municipality_code"), towns=towns)
    frame = (
        pl.DataFrame(rows, infer_schema_length=None)
        .with_columns(pl.col("former_surname", "common_name").cast(pl.String))
        .with_columns(
            folds.strict_key(name).alias("name_key"), folds.loose_key(name).alias("name_loose_key"),
            folds.strict_key(kana).alias("kana_key"), folds.loose_key(kana).alias("kana_loose_key"),
            folds.strict_key(pl.col("common_name")).alias("common_name_key"),
            folds.strict_key(pl.col("former_surname")).alias("former_surname_key"),
            latin.roman_key(latin_name).alias("roman_name_key"), place.alias("place"),
        )
        .with_columns(
            pl.col("place").struct.field("key").alias("address_key"),
            pl.col("place").struct.field("town").alias("address_key_town"),
            pl.col("place").struct.field("block").alias("address_key_block"),
        )
    )  # fmt: skip
    return frame.select(SCHEMA.names).to_arrow().cast(SCHEMA)
