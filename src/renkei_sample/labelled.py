"""A labelled city in columns: what three systems say of the same people, and who is who in truth.

For measuring how well records are linked: the texts are what a legacy system would hand out, the truth is
kept beside them. The same count and seed make the same city; a million people are less than a minute.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from renkei_sample import labelled_texts as texts
from renkei_sample.labelled_people import Chances, addresses, people
from renkei_sample.labelled_slips import Slips, kinds_of

#: Share of a system's records that a slip befalls, where it can. Numbers of family members are swapped as
#: often as was published of a nation-wide check (0.01 %); the others are assumptions to be turned.
RATES: Mapping[str, float] = {
    "in_tax": 0.97, "in_welfare": 0.97, "returner": 0.005, "non_registered_before": 0.015, "said_same": 0.3,
    "non_residents": 0.05, "reissued": 0.0005, "no_number": 0.2, "family_number": 0.0001,
    "married_name": 0.01, "former_surname": 0.3, "kana_slip": 0.01, "homophone": 0.002, "era_slip": 0.002,
    "month_day_swap": 0.002, "one_digit": 0.003, "old_address": 0.02, "address_cut": 0.01, "old_town": 0.005,
    "no_birth_date": 0.001, "no_sex": 0.002, "no_kana": 0.01, "no_address": 0.005, "moved": 0.01,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Texts of the three systems (every column a string, empty where nothing stands), and the truth.

    ``truth`` has ``system, key, person, household, kinds``: ``key`` names the record within its system,
    ``kinds`` are words for what sets it apart, with spaces between them, empty for an ordinary record.
    """

    juki: pl.DataFrame
    tax: pl.DataFrame
    welfare: pl.DataFrame
    truth: pl.DataFrame

    @property
    def systems(self) -> dict[str, pl.DataFrame]:
        """System → its table."""
        return {"juki": self.juki, "tax": self.tax, "welfare": self.welfare}


def label(
    count: int,
    *,
    seed: int = 1,
    day: date,
    rates: Mapping[str, float] | None = None,
    chances: Chances | None = None,
    moved_on: date | None = None,
) -> Labelled:
    """A city of so many residents; after a day ``moved_on`` a share ``moved`` lives elsewhere."""
    share = {**RATES, **(rates or {})}
    outside = round(count * share["non_residents"]) + max(1, round(count * share["reissued"]))
    rng = _generator(seed, "people")
    everybody = people(count + outside, rng, day=day, chances=chances or Chances())
    everybody = everybody.with_columns(
        number=pl.Series(party_numbers(count + outside, first=1_000_000)),
        since=pl.lit(day) - pl.duration(days=pl.lit(pl.Series(rng.integers(40, 7000, count + outside)))),
        version=pl.lit(1),
        state=pl.lit("1"),
        is_resident=pl.col("person") < count,
        former_family=pl.lit(None, pl.String),
        same_as=pl.lit(None, pl.String),
    )
    if moved_on:
        everybody = _moved(everybody, _generator(seed, "moved"), share["moved"], moved_on)
    residents, others = everybody.filter("is_resident"), everybody.filter(~pl.col("is_resident"))
    born_elsewhere = _generator(seed, "names").random(count) < share["married_name"]
    in_juki = _juki(residents, _generator(seed, "juki"), share, day, pl.Series(born_elsewhere))
    in_tax = _tax(residents, others, _generator(seed, "tax"), share, day)
    in_welfare = _welfare(residents, _generator(seed, "welfare"), share, day)
    truth = [
        _truth("juki", "number", in_juki),
        _truth("tax", "number", in_tax),
        _truth("welfare", "key", in_welfare),
    ]
    return Labelled(
        juki=texts.juki(in_juki),
        tax=texts.tax(in_tax),
        welfare=texts.welfare(in_welfare),
        truth=pl.concat(truth),
    )


def party_numbers(count: int, *, first: int) -> list[str]:
    """So many ten-digit numbers with their check digit, rising; serials without one are skipped."""
    serials = np.arange(first, first + count + count // 8 + 100)
    total = sum((serials // 10**place % 10) * (2 + place % 6) for place in range(9))
    remainder = total % 11
    has_digit = remainder != 1
    digit = np.where(remainder == 0, 0, 11 - remainder)
    made = (serials * 10 + digit)[has_digit][:count]
    return [f"{number:010d}" for number in made.tolist()]


def _generator(seed: int, what: str) -> np.random.Generator:
    """Each part has draws of its own, so that a change in one leaves the others as they were."""
    return np.random.default_rng([seed, *what.encode()])


def _truth(system: str, key: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        pl.lit(system).alias("system"),
        pl.col(key).alias("key"),
        pl.col("person").cast(pl.Int64),
        pl.col("household").cast(pl.Int64),
        kinds_of(frame).alias("kinds"),
    )


def _moved(frame: pl.DataFrame, rng: np.random.Generator, share: float, day: date) -> pl.DataFrame:
    """Whole households, with a new version of everybody's record."""
    homes = int(frame["household"].to_numpy().max()) + 1
    place = addresses(homes, rng)[frame["household"].to_numpy()]
    has_moved = pl.Series("__m", (rng.random(homes) < share)[frame["household"].to_numpy()])
    elsewhere = place.rename({name: f"__n_{name}" for name in place.columns})
    kept = frame.with_columns(has_moved, *elsewhere.get_columns())
    changed = {name: pl.col(f"__n_{name}") for name in place.columns}
    changed |= {"version": pl.lit(2), "since": pl.lit(day)}
    return kept.with_columns(
        pl.when("__m").then(value).otherwise(name).alias(name) for name, value in changed.items()
    ).drop("__m", *elsewhere.columns)


def _juki(
    residents: pl.DataFrame,
    rng: np.random.Generator,
    share: Mapping[str, float],
    day: date,
    had_other_name: pl.Series,
) -> pl.DataFrame:
    """Everybody once, and who came back a second time: under the number of before, moved out."""
    told = pl.Series(rng.random(residents.height) < share["former_surname"]) & had_other_name
    earlier = Slips(residents, _generator(0, "former"), day)
    earlier.married(1.0)
    former = pl.when(told & ~pl.col("is_foreign")).then(earlier.frame["family"])
    present = residents.with_columns(former_family=former, is_returner=pl.lit(value=False))
    left = Slips(residents.filter(pl.Series(rng.random(residents.height) < share["returner"])), rng, day)
    left.elsewhere("returner", 1.0)
    gone = left.frame.with_columns(
        number=pl.Series(party_numbers(left.frame.height, first=700_000), dtype=pl.String),
        state=pl.lit("2"),
        since=pl.col("since") - timedelta(days=400),
        is_returner=pl.lit(value=True),
    )
    return pl.concat([present, gone], how="diagonal")


def _tax(
    residents: pl.DataFrame,
    others: pl.DataFrame,
    rng: np.random.Generator,
    share: Mapping[str, float],
    day: date,
) -> pl.DataFrame:
    """Taxpayers: residents, people from elsewhere, and those who held a number before it was given away."""
    before = max(1, round(residents.height * share["reissued"]))
    given_away = rng.choice(residents["number"].to_numpy(), size=min(before, residents.height), replace=False)
    is_taxed = pl.Series(rng.random(residents.height) < share["in_tax"])
    taxed = residents.filter(is_taxed & ~pl.col("number").is_in(given_away.tolist()))
    was_outside = pl.Series(rng.random(taxed.height) < share["non_registered_before"])
    is_told = was_outside & pl.Series(rng.random(taxed.height) < share["said_same"])
    own = pl.Series(party_numbers(taxed.height, first=800_000_000))
    taxed = taxed.with_columns(
        same_as=pl.when(is_told).then("number"),
        number=pl.when(was_outside).then(own).otherwise("number"),
        is_resident=~was_outside,
        is_non_registered_before=was_outside,
    )
    holders = others.tail(len(given_away)).with_columns(
        number=pl.Series(given_away, dtype=pl.String),
        is_resident=pl.lit(value=True),
        is_reissued=pl.lit(value=True),
    )
    elsewhere = others.head(others.height - len(given_away)).with_columns(
        number=pl.Series(party_numbers(others.height - len(given_away), first=900_000_000), dtype=pl.String),
        is_non_resident=pl.lit(value=True),
    )
    slips = Slips(pl.concat([taxed, elsewhere, holders], how="diagonal"), rng, day)
    slips.married(share["married_name"])
    slips.glyphs()
    _usual_slips(slips, share)
    return slips.frame.with_columns(is_common_name=pl.col("is_foreign"))


def _welfare(
    residents: pl.DataFrame, rng: np.random.Generator, share: Mapping[str, float], day: date
) -> pl.DataFrame:
    """Recipients under a key of their own; some without the city's number, a few with one of the family."""
    known = residents.filter(pl.Series(rng.random(residents.height) < share["in_welfare"]))
    of_family = pl.coalesce(
        pl.col("number").shift(1).over("household"), pl.col("number").shift(-1).over("household")
    )
    slips = Slips(known.with_columns(key=pl.format("F{}", pl.col("person") + 10_000_000)), rng, day)
    slips.mark("family_number", share["family_number"], number=of_family.fill_null(pl.col("number")))
    slips.mark("no_number", share["no_number"], number=pl.lit(None, pl.String))
    _usual_slips(slips, share)
    return slips.frame


def _usual_slips(slips: Slips, share: Mapping[str, float]) -> None:
    slips.readings(share["kana_slip"])
    slips.homophones(share["homophone"])
    slips.missing_reading(share["no_kana"])
    slips.eras(share["era_slip"])
    slips.months(share["month_day_swap"])
    slips.digits(share["one_digit"])
    slips.missing_birth(share["no_birth_date"])
    slips.missing_sex(share["no_sex"])
    slips.elsewhere("old_address", share["old_address"])
    slips.old_towns(share["old_town"])
    slips.cut(share["address_cut"])
    slips.missing_address(share["no_address"])
