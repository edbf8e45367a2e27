"""Whatever a rule of the city says of a mismatch is shown to staff in words."""

import re
import tomllib
from itertools import chain

from tests.unit.reconcile.support import ROOT

LABELS = tomllib.loads((ROOT / "src" / "renkei" / "report" / "labels.toml").read_text("utf-8"))
FOUND = re.compile(r"'([a-z0-9_]+)' AS (class|field)\b")
CHOSEN = re.compile(r"CASE((?:(?!CASE).)*?)END\s+AS class", re.DOTALL)


def words(sql: str) -> set[tuple[str, str]]:
    """(kind, word) that a rule's query writes out."""
    plain = {(kind, word) for word, kind in FOUND.findall(sql)}
    chosen = chain.from_iterable(
        re.findall(r"(?:THEN|ELSE) '([a-z_]+)'", case) for case in CHOSEN.findall(sql)
    )
    return plain | {("class", word) for word in chosen}


def test_every_field_and_class_of_a_rule_has_a_label() -> None:
    said = {
        (place.name[:3], *word)
        for place in sorted((ROOT / "reconciliation").glob("*.toml"))
        for word in words(tomllib.loads(place.read_text("utf-8"))["sql"])
    }

    assert len(said) > 60
    assert sorted(each for each in said if each[2] not in LABELS[each[1]]) == []


def test_a_class_that_nobody_named_is_noticed() -> None:
    assert ("class", "odd_one") in words("SELECT CASE WHEN a THEN 'odd_one' ELSE 'other' END AS class")
    assert "odd_one" not in LABELS["class"]
