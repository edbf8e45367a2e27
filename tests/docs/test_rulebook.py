"""docs/rulebook.md is what the rule files say."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_rulebook", ROOT / "docs" / "generate_rulebook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(generator: ModuleType) -> Any:
    return generator.read()


def test_the_rulebook_is_what_the_generator_writes(generator: ModuleType, written: Any) -> None:
    told = (ROOT / "docs" / "rulebook.md").read_text("utf-8")

    assert told == generator.page(*written), "run .venv/bin/python docs/generate_rulebook.py"


def test_every_rule_and_every_story_is_in_the_rulebook(generator: ModuleType, written: Any) -> None:
    rules, *_ = written

    text = generator.page(*written)

    stories = [example.story for rule in rules for example in (*rule.must_find, *rule.must_not_find)]
    assert [rule.id for rule in rules if f"\n## {rule.id}\n" not in text] == []
    assert [story for story in stories if f"**{story}**" not in text] == []


def test_a_column_that_no_system_of_the_city_sends_is_told(generator: ModuleType, written: Any) -> None:
    rules, _, feeds = written
    numbers = next(rule for rule in rules if rule.id == "R18")

    assert generator.unfilled(numbers, feeds) == ["individual_number_token"]


# the known-bad twins -----------------------------------------------------------------------------


def test_a_rulebook_that_lags_behind_its_rules_is_noticed(generator: ModuleType, written: Any) -> None:
    rules, texts, feeds = written
    later = (replace(rules[0], parameters={"days": 15}), *rules[1:])

    assert generator.page(later, texts, feeds) != generator.page(*written)


def test_a_column_is_not_told_once_a_mapping_fills_it(generator: ModuleType, written: Any) -> None:
    rules, _, feeds = written
    numbers = next(rule for rule in rules if rule.id == "R18")
    title, columns = feeds["juki.resident"]

    filled = {**feeds, "juki.resident": (title, columns | {"individual_number_token"})}

    assert generator.unfilled(numbers, filled) == []


def test_a_text_that_a_table_would_swallow_is_shown(generator: ModuleType, written: Any) -> None:
    rules, texts, feeds = written
    odd = (replace(rules[0], title="a|b \ue123<x>"), *rules[1:])

    assert "a\\|b U+E123&lt;x>" in generator.page(odd, texts, feeds)
