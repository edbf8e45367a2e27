"""Questions about the numbers that name one person in the whole nation, by their tokens alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

#: Columns of a person's record that hold such a number.
COLUMNS = ("resident_code_token", "individual_number_token", "residence_card_number")

_OF_RESIDENT = """
    SELECT DISTINCT p.individual_number_token
    FROM open_link AS l
    JOIN person_record AS p ON p.feed = l.feed AND p.source_key = l.source_key
    WHERE l.resident_id = :resident AND p.known_to IS NULL AND NOT p.removed
      AND p.individual_number_token IS NOT NULL
    ORDER BY 1
"""
_EQUALITY = """
    WITH said AS (
        SELECT DISTINCT l.resident_id, p.{column} AS number
        FROM person_record AS p
        JOIN open_link AS l ON l.feed = p.feed AND l.source_key = p.source_key
        WHERE p.known_to IS NULL AND NOT p.removed AND p.{column} IS NOT NULL
    )
    SELECT
        (SELECT count(DISTINCT number) FROM said) AS numbers,
        (SELECT count(*) FROM (SELECT FROM said GROUP BY number HAVING count(*) > 1) AS n) AS shared,
        (SELECT count(*) FROM (SELECT FROM said GROUP BY resident_id HAVING count(*) > 1) AS r) AS several
"""
_NOT_CARRIED = """
    SELECT t.token
    FROM unnest(CAST(:tokens AS text[])) AS t (token)
    WHERE NOT EXISTS (
        SELECT FROM person_record AS p
        WHERE p.individual_number_token = t.token
          AND (p.known_to IS NULL OR p.known_to > :now - make_interval(years => :years)))
    ORDER BY t.token
"""


@dataclass(frozen=True, kw_only=True)
class Equality:
    """How one kind of number stands: how many there are, how many are said of several residents (``shared``),
    and how many residents have more than one (``several``).
    """

    kind: str
    numbers: int
    shared: int
    several: int


def numbers_of(connection: sa.Connection, resident: int) -> list[str]:
    """Tokens of the individual numbers that a resident's present records carry."""
    return list(connection.execute(sa.text(_OF_RESIDENT), {"resident": resident}).scalars())


def equality(connection: sa.Connection) -> tuple[Equality, ...]:
    """Every kind of number, counted over all residents; no number and no resident is named."""
    made = []
    for column in COLUMNS:
        row = connection.execute(sa.text(_EQUALITY.format(column=column))).one()
        kind = column.removesuffix("_token")
        made.append(Equality(kind=kind, numbers=row.numbers, shared=row.shared, several=row.several))
    return tuple(made)


def not_carried_for(
    connection: sa.Connection, tokens: Sequence[str], *, years: int, now: datetime
) -> list[str]:
    """Those of the tokens that no record has carried for so many years."""
    asked = {"tokens": list(tokens), "years": years, "now": now}
    return list(connection.execute(sa.text(_NOT_CARRIED), asked).scalars())
