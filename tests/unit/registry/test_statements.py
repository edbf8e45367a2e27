"""Statements of the registry stay proportional to what they are about."""

import re
from pathlib import Path

from renkei.registry import golden, history, protection, sql

PLACES = [
    *Path(sql.__file__).parent.glob("*.sql"),
    *(Path(module.__file__) for module in (golden, history, protection)),
]


def listed(text: str) -> list[str]:
    """``NOT IN`` of a query: beyond some memory PostgreSQL reads the whole answer for each row."""
    return re.findall(r"NOT\s+IN\s*\(\s*SELECT\b.*", text)


def test_no_statement_looks_through_a_whole_answer_for_each_row() -> None:
    assert PLACES
    assert {place.name: found for place in PLACES if (found := listed(place.read_text("utf-8")))} == {}


def test_such_a_statement_is_seen() -> None:
    assert listed("WHERE resident_id NOT IN (\n  SELECT resident_id FROM several)")
    assert not listed("WHERE NOT EXISTS (SELECT FROM several AS s WHERE s.id = c.id)")
