"""True people in columns: households, twins, foreign families, and strangers who share name and birth date.

Every value follows from the seed and the number of people, and no person is an object: a million of them
are a few seconds of array work.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from random import Random

import numpy as np
import polars as pl

from renkei_sample.names import COMMON_FORM, Name, foreign_name, name_book
from renkei_sample.towns import towns

#: Members of a household → share of households.
_SIZES = {1: 0.38, 2: 0.29, 3: 0.16, 4: 0.12, 5: 0.05}
_FOREIGN, _COMMON_NAMED, _VARIANT, _HOUSED = 0.03, 0.4, 0.07, 0.35
#: The common form of a glyph → one that families keep.
_KEPT = {common: variant for variant, common in COMMON_FORM.items() if common != "吉"}
_HOUSES = ("メゾン", "コーポ", "ハイツ", "サンハイム", "グリーンパレス")


@dataclass(frozen=True, kw_only=True)
class Chances:
    """Shares of people: twins among second and third children, and planted pairs of strangers a person."""

    twins: float = 0.02
    strangers: float = 0.0005


def people(count: int, rng: np.random.Generator, *, day: date, chances: Chances) -> pl.DataFrame:
    """So many people, a row each, in the order of their households.

    ``person`` and ``household`` are whole numbers from 0, ``role`` 0 the head, 1 the spouse, 2 and more
    children. ``family, given`` and their ``_kana`` are the parts of a Japanese name, for a foreign person
    those of the 通称 (null without one) beside ``roman, roman_kana``. The address is ``town, chome, first,
    second, house``. ``is_twin, is_stranger`` mark whoever was made to be taken for another.
    """
    household, role, homes = _households(count, rng)
    frame = pl.DataFrame({"person": np.arange(count), "household": household, "role": role})
    is_foreign = (rng.random(homes) < _FOREIGN)[household]
    # the few names of foreign families here would give twins the same one
    frame = frame.with_columns(_lives(household, role, rng, day, np.where(is_foreign, 0, chances.twins)))
    frame = frame.with_columns(_names(household, homes, frame, is_foreign, rng))
    frame = frame.with_columns(addresses(homes, rng)[household].get_columns())
    return _with_strangers(frame, rng, chances.strangers)


def addresses(count: int, rng: np.random.Generator) -> pl.DataFrame:
    """So many places in the city: town, 丁目 where it has them, two numbers, and a house with its flat."""
    known = towns()
    place = rng.integers(0, len(known), count)
    divided = np.array([town.divided for town in known])[place]
    house, flat = rng.integers(0, len(_HOUSES), count), rng.integers(101, 109, count)
    drawn = pl.DataFrame(
        {
            "town": pl.Series([town.name for town in known]).gather(place),
            "postal": pl.Series([town.postal_code for town in known]).gather(place),
            "chome": rng.integers(1, 9, count),
            "first": np.where(divided, rng.integers(1, 40, count), rng.integers(101, 3000, count)),
            "second": rng.integers(1, 25, count),
            "house": pl.Series(_HOUSES).gather(house),
            "flat": flat,
            "divided": divided,
            "housed": rng.random(count) < _HOUSED,
        }
    )
    building = pl.concat_str("house", "town", pl.col("flat").cast(pl.String), pl.lit("号室"))
    return drawn.select(
        "town",
        "postal",
        pl.when("divided").then("chome").alias("chome"),
        "first",
        "second",
        pl.when("housed").then(building).alias("house"),
    )


def _households(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    sizes = rng.choice(list(_SIZES), size=count, p=list(_SIZES.values()))
    ends = np.cumsum(sizes)
    homes = int(np.searchsorted(ends, count)) + 1
    household = np.repeat(np.arange(homes), sizes[:homes])[:count]
    starts = np.concatenate([[0], ends[: homes - 1]])
    return household, np.arange(count) - starts[household], homes


def _lives(
    household: np.ndarray, role: np.ndarray, rng: np.random.Generator, day: date, twins: np.ndarray
) -> list[pl.Series]:
    """Sex, birth date, and who is the twin of the person before."""
    count, size = len(household), np.bincount(household)[household]
    alone = np.where(size == 1, rng.uniform(19, 95, count), rng.uniform(27, 88, count))
    head_age = np.where(size >= 3, rng.uniform(29, 62, count), alone)
    first = np.arange(count) - role
    later = head_age[first] - rng.uniform(24, 36, count)
    # who would not be born yet, or has long left home, is a child of another age
    child_age = np.where((later < 0.1) | (later > 25), rng.uniform(0.1, 25, count), later)
    years = np.select(
        [role == 0, role == 1],
        [head_age, np.maximum(19, head_age[first] + rng.uniform(-7, 4, count))],
        child_age,
    )
    sex = np.where(rng.random(count) < np.where((role == 0) & (size > 1), 0.8, 0.49), "1", "2")
    sex = np.where(role == 1, np.where(sex[first] == "1", "2", "1"), sex)
    born = np.datetime64(day, "D") - (years * 365.2425).astype(np.int64).astype("timedelta64[D]")
    is_twin = (role >= 3) & (rng.random(count) < twins)
    before = np.maximum(np.arange(count) - 1, 0)
    is_twin &= ~is_twin[before]  # never three of one birth
    return [
        pl.Series("sex", np.where(is_twin, sex[before], sex)),
        pl.Series("born", np.where(is_twin, born[before], born)),
        pl.Series("is_twin", is_twin),
    ]


def _names(
    household: np.ndarray, homes: int, frame: pl.DataFrame, is_foreign: np.ndarray, rng: np.random.Generator
) -> list[pl.Series]:
    """The parts of a Japanese name or of a 通称, and the name in letters of a foreign person."""
    count, is_twin = len(household), frame["is_twin"].to_numpy()
    family, family_kana = (each.gather(household) for each in surnames(homes, rng))
    male = (frame["sex"] == "1").to_numpy()
    given, given_kana = np.empty(count, object), np.empty(count, object)
    skewed = rng.random(count) ** 1.6
    for sex, mine in (("1", male), ("2", ~male)):
        names, twins = given_names(sex)
        rows = (skewed[mine] * len(names)).astype(np.int64)
        before = np.concatenate([[0], rows[:-1]])
        # the elder of twins has the same sex and stands just before
        rows = np.where(is_twin[mine], np.array(twins)[before], rows)
        given[mine] = np.array([name.text for name in names], object)[rows]
        given_kana[mine] = np.array([name.kana for name in names], object)[rows]
    has_common = (rng.random(homes) < _COMMON_NAMED)[household]
    silent = is_foreign & ~has_common
    roman, roman_kana = _roman(household, homes, male, rng)
    parts: dict[str, pl.Series | np.ndarray] = {
        "family": family, "family_kana": family_kana, "given": given, "given_kana": given_kana,
    }  # fmt: skip
    kept = [pl.Series(name, values, pl.String).set(pl.Series(silent), None) for name, values in parts.items()]
    own = [
        pl.Series(name, values, pl.String).set(pl.Series(~is_foreign), None)
        for name, values in (("roman", roman), ("roman_kana", roman_kana))
    ]
    return [*kept, *own, pl.Series("is_foreign", is_foreign)]


def surnames(count: int, rng: np.random.Generator) -> tuple[pl.Series, pl.Series]:
    """So many surnames by frequency with their readings; one in fifteen in a spelling of its own."""
    book = name_book()
    rows = np.searchsorted(np.array(book.weights), rng.integers(0, book.weights[-1], count), side="right")
    text = pl.Series([name.text for name in book.surnames]).gather(rows)
    kana = pl.Series([name.kana for name in book.surnames]).gather(rows)
    kept = text.to_frame("text").select(pl.col("text").str.replace_many(_KEPT)).to_series()
    return text.zip_with(pl.Series(rng.random(count) >= _VARIANT), kept), kana


@cache
def given_names(sex: str) -> tuple[tuple[Name, ...], tuple[int, ...]]:
    """Given names of a sex, each spelling once, and for each the row of one that looks like it."""
    spelled = {name.text: name for name in sorted(name_book().given[sex], key=lambda each: each.text)}
    alike = list(spelled.values())
    shuffled = list(range(len(alike)))
    Random(0).shuffle(shuffled)  # noqa: S311 - which names are frequent must not follow from their spelling
    place = {row: number for number, row in enumerate(shuffled)}
    other = [place[_next_of_another_sound(alike, row)] for row in shuffled]
    return tuple(alike[row] for row in shuffled), tuple(other)


def _next_of_another_sound(names: list[Name], row: int) -> int:
    following = (row + step for step in range(1, len(names)))
    return next(each % len(names) for each in following if names[each % len(names)].kana != names[row].kana)


def _roman(
    household: np.ndarray, homes: int, male: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A name in letters and its reading for everybody, from what the household's family may be called."""
    known = _foreign_names()
    family = rng.integers(0, len(known), homes)[household]
    text, kana = np.empty(len(household), object), np.empty(len(household), object)
    draw = rng.random(len(household))
    for number, by_sex in enumerate(known):
        for sex, mine in (("1", male), ("2", ~male)):
            rows = np.flatnonzero((family == number) & mine)
            names = by_sex[sex]
            chosen = (draw[rows] * len(names)).astype(np.int64)
            text[rows] = np.array([name.text for name in names], object)[chosen]
            kana[rows] = np.array([name.kana for name in names], object)[chosen]
    return text, kana


@cache
def _foreign_names() -> tuple[dict[str, list[Name]], ...]:
    """For each family, every full name of each sex."""
    found: dict[int, dict[str, set[tuple[str, str]]]] = {}
    rng = Random(0)  # noqa: S311 - a city to be replayed, not a secret
    for draw in range(4000):
        sex = "12"[draw % 2]
        family, name = foreign_name(rng, sex)
        found.setdefault(family, {"1": set(), "2": set()})[sex].add((name.text, name.kana))
    return tuple(
        {sex: [Name(*each) for each in sorted(names)] for sex, names in found[family].items()}
        for family in sorted(found)
    )


def _with_strangers(frame: pl.DataFrame, rng: np.random.Generator, share: float) -> pl.DataFrame:
    """Pairs of heads of two households who share name, reading, sex and birth date; a fifth also the town."""
    heads = frame.filter((pl.col("role") == 0) & ~pl.col("is_foreign"))["person"].to_numpy()
    pairs = min(round(frame.height * share), len(heads) // 2)
    chosen = rng.choice(heads, size=2 * pairs, replace=False)
    source, target = chosen[:pairs], chosen[pairs:]
    rows = np.arange(frame.height)
    alike, near = rows.copy(), rows.copy()
    alike[target] = source
    near[target[: pairs // 5]] = source[: pairs // 5]
    shared = ("family", "family_kana", "given", "given_kana", "sex", "born")
    marked = np.isin(rows, chosen)
    return frame.with_columns(
        *(frame[name].gather(alike) for name in shared),
        *(frame[name].gather(near) for name in ("town", "postal", "chome")),
        first=pl.when(pl.Series(near != rows)).then(_another(frame["first"].gather(near))).otherwise("first"),
        is_stranger=pl.Series(marked),
    )


def _another(number: pl.Series) -> pl.Series:
    """A house number nearby."""
    return number % 7 + 40
