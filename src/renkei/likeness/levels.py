"""How alike two values are, in steps made for Japanese records, as SQL over the prepared columns.

Each comparison is a row of levels, the most telling first; a pair takes the first level that holds. A level
marked as unknown weighs nothing. ``m`` is how often the level is met among records of one person, ``u``
among records of two people, as far as anyone can say before training.
"""

from dataclasses import dataclass
from itertools import combinations

from renkei.mapping.eras import ERAS, Era

#: Years between the same day under two eras: 昭和55年 typed as 平成55年.
ERA_GAPS = tuple(sorted({abs(one.offset - other.offset) for one, other in combinations(ERAS, 2)}))


@dataclass(frozen=True, kw_only=True)
class Level:
    """One step of likeness. ``often`` is the column whose commonness counts; ``fixed``: never trained."""

    code: str
    sql: str
    m: float | None = None
    u: float | None = None
    often: str | None = None
    fixed: bool = False

    @property
    def is_unknown(self) -> bool:
        """True where one side says nothing, so that the pair weighs nothing here."""
        return self.m is None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One attribute and its levels."""

    name: str
    levels: tuple[Level, ...]


def _same(*columns: str) -> str:
    return " AND ".join(f"{column}_l = {column}_r" for column in columns)


def _either(one: str, other: str) -> str:
    return f"{one}_l = {other}_r OR {other}_l = {one}_r"


_OTHER_NAME = " OR ".join(
    (
        _either("name_key", "common_name_key"),
        _same("common_name_key"),
        _either("name_key", "former_name_key"),
        _same("former_name_key"),
        _same("roman_name_key"),
        _either("name_key", "roman_name_key"),
    )
)


def _era_slip() -> str:
    """The same day and year of the era under two eras, one of which the day is really of.

    Years alone tell little: 2005 and 2019 are as far apart as 大正 and 昭和, and neither is 大正94年.
    """
    right = " OR ".join(_typed_as_another(era, *sides) for era in ERAS for sides in ("lr", "rl"))
    return f"birth_month_day_l = birth_month_day_r AND ({right})"


def _typed_as_another(era: Era, right: str, wrong: str) -> str:
    gaps = ", ".join(str(other.offset - era.offset) for other in ERAS if other is not era)
    return (
        f"(birth_day_{right} BETWEEN DATE '{era.first}' AND DATE '{era.end}' "
        f"AND birth_year_{wrong} - birth_year_{right} IN ({gaps}))"
    )


_SWAPPED = (
    "birth_year_l = birth_year_r AND birth_month_day_l = "
    "concat(substr(birth_month_day_r, 3, 2), substr(birth_month_day_r, 1, 2))"
)

COMPARISONS = (
    Comparison(
        name="name",
        levels=(
            Level(
                code="unknown",
                sql="(name_key_l IS NULL OR name_key_r IS NULL) "
                "AND (kana_key_l IS NULL OR kana_key_r IS NULL)",
            ),
            Level(code="equal", sql=_same("name_key"), m=0.86, u=1.5e-5, often="name_key"),
            Level(code="variant", sql=_same("name_folded"), m=0.03, u=1e-6, often="name_folded"),
            Level(code="other_name", sql=_OTHER_NAME, m=0.02, u=1e-6),
            Level(code="kana", sql=_same("kana_key"), m=0.03, u=2e-5, often="kana_key"),
            Level(code="sounds_alike", sql=_same("kana_loose_key"), m=0.02, u=2e-6, often="kana_loose_key"),
            Level(
                code="one_character",
                sql="one_edit(name_key_l, name_key_r) OR one_edit(kana_key_l, kana_key_r)",
                m=0.02,
                u=4e-4,
            ),
            Level(code="given_name", sql=f"{_same('given_key')} OR {_same('given_kana')}", m=0.01, u=3e-3),
            Level(code="differs", sql="ELSE", m=0.01, u=0.996),
        ),
    ),
    Comparison(
        name="birth",
        levels=(
            Level(
                code="unknown",
                sql="date_of_birth_lo_l IS NULL OR date_of_birth_lo_r IS NULL "
                "OR date_of_birth_hi_l IS NULL OR date_of_birth_hi_r IS NULL",
            ),
            Level(code="equal", sql=_same("birth_day"), m=0.94, u=4e-5),
            Level(
                code="overlaps",
                sql="date_of_birth_lo_l <= date_of_birth_hi_r AND date_of_birth_lo_r <= date_of_birth_hi_l",
                m=0.02,
                u=2e-3,
            ),
            Level(code="era_slip", sql=_era_slip(), m=0.004, u=2e-4),
            Level(code="month_day_swapped", sql=_SWAPPED, m=0.004, u=1.3e-5),
            # figures are one byte each, so bytes that differ are figures that differ
            Level(
                code="one_figure", sql="hamming(birth_digits_l, birth_digits_r) = 1", m=0.02, u=1e-3
            ),
            Level(code="differs", sql="ELSE", m=0.012, u=0.99),
        ),
    ),
    Comparison(
        name="sex",
        levels=(
            Level(
                code="unknown",
                sql="coalesce(sex_l, '0') NOT IN ('1', '2') OR coalesce(sex_r, '0') NOT IN ('1', '2')",
            ),
            Level(code="equal", sql=_same("sex"), m=0.995, u=0.5),
            Level(code="differs", sql="ELSE", m=0.005, u=0.5),
        ),
    ),
    Comparison(
        name="address",
        levels=(
            Level(code="unknown", sql="address_key_l IS NULL OR address_key_r IS NULL"),
            Level(code="number", sql=_same("address_key"), m=0.75, u=2e-5),
            Level(
                code="block",
                sql=_same("address_municipality_code", "address_key_town", "address_key_block"),
                m=0.03,
                u=2e-4,
            ),
            Level(code="town", sql=_same("address_municipality_code", "address_key_town"), m=0.05, u=6e-3),
            Level(code="municipality", sql=_same("address_municipality_code"), m=0.12, u=0.9),
            Level(code="differs", sql="ELSE", m=0.05, u=0.1),
        ),
    ),
    # two records that one system keeps side by side in one household are two people: twins, mostly
    Comparison(
        name="household",
        levels=(
            Level(code="unknown", sql="len(households_l) = 0 OR len(households_r) = 0"),
            Level(
                code="side_by_side", sql="list_has_any(households_l, households_r)", m=0.01, u=0.5, fixed=True
            ),
            Level(code="apart", sql="ELSE", m=0.5, u=0.5, fixed=True),
        ),
    ),
)  # fmt: skip

#: A change of one character: replaced, put in or left out. DuckDB's own distances count bytes, of which a
#: kanji has three, so bytes are only asked first because that is quick.
ONE_EDIT = """
    CREATE OR REPLACE TEMP MACRO one_edit(a, b) AS
    CASE
        WHEN abs(length(a) - length(b)) > 1 OR levenshtein(a, b) > 4 THEN false
        ELSE len(list_filter(range(0, greatest(length(a), length(b))), lambda i:
            left(a, i) = left(b, i)
            AND substr(a, i + 1 + CAST(length(a) >= length(b) AS integer))
              = substr(b, i + 1 + CAST(length(b) >= length(a) AS integer)))) > 0
    END
"""
