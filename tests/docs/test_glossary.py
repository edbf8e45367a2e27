"""A word of the code is a word of the glossary, in English and Japanese."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from renkei import errors, records

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
SCHEMA = ROOT / "src" / "renkei" / "registry" / "migrations" / "versions"
JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
STATES = re.compile(r"CHECK \(\w+ IN \(([^)]*)\)\)")


def rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not cells[0].startswith(("---", "English term")):
            yield cells


def words(text: str) -> set[str]:
    """Every word that a row explains: the first column, and the values listed in the third."""
    return {
        word
        for cells in rows(text)
        for cell in (cells[0], cells[2])
        for word in re.findall(r"`([^`]+)`", cell)
    }


def states() -> set[str]:
    listed = (found for place in SCHEMA.glob("*.sql") for found in STATES.findall(place.read_text("utf-8")))
    return {state.strip().strip("'") for states in listed for state in states.split(",")}


@pytest.fixture(scope="module")
def known() -> set[str]:
    return words(GLOSSARY.read_text("utf-8"))


@pytest.mark.parametrize("kind", records.RECORD_TYPES.values(), ids=lambda kind: kind.name)
def test_every_column_of_a_record_is_in_the_glossary(kind: records.RecordType, known: set[str]) -> None:
    assert {name for name in kind.schema.names if not name.startswith("__")} - known == set()


def test_every_state_that_the_registry_allows_is_in_the_glossary(known: set[str]) -> None:
    named = known | {"strong_id", "four_attributes", "founder", "resident", "mismatch", "delivery", "sync_in"}

    assert len(states()) > 20
    assert states() - named == set()


def test_every_kind_of_error_is_in_the_glossary(known: set[str]) -> None:
    kinds = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
    }

    assert kinds - known == set()


def test_every_rule_is_in_the_glossary(known: set[str]) -> None:
    rules = {place.name.partition("_")[0] for place in (ROOT / "reconciliation").glob("*.toml")}

    assert rules - known == set()


def test_every_system_is_in_the_glossary(known: set[str]) -> None:
    assert {place.stem for place in (ROOT / "mappings").glob("*.toml")} - known == set()


def test_every_row_is_told_in_both_languages() -> None:
    told = list(rows(GLOSSARY.read_text("utf-8")))

    assert len(told) > 100
    assert [cells[0] for cells in told if len(cells) != 4 or not all(cells)] == []
    assert [cells[0] for cells in told if not JAPANESE.search(cells[1])] == []
    assert [cells[0] for cells in told if " / " not in cells[2] or not JAPANESE.search(cells[2])] == []


# the known-bad twin ------------------------------------------------------------------------------


def test_a_column_that_nobody_explained_is_noticed() -> None:
    text = GLOSSARY.read_text("utf-8").replace("| `address_since` |", "| since when |")

    assert "address_since" not in words(text)
    assert "address_since" in words(GLOSSARY.read_text("utf-8"))
