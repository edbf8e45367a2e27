"""docs/steps.md is what the tables of cases say."""

import copy
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from renkei.mapping.steps import STEPS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_steps", ROOT / "docs" / "generate_steps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_steps_is_what_the_generator_writes(generator: ModuleType) -> None:
    told = (ROOT / "docs" / "steps.md").read_text("utf-8")

    assert told == generator.page(generator.read()), "run .venv/bin/python docs/generate_steps.py"


def test_every_table_and_every_case_is_on_the_page(generator: ModuleType) -> None:
    tables = generator.read()

    lines = generator.page(tables).splitlines()

    assert sum(line.startswith("### ") for line in lines) == len(tables)
    rows = [line for line in lines if line.startswith("| ") and " / why" not in line]
    assert len(rows) == sum(len(table["case"]) for table in tables.values())


def test_families_stand_in_the_order_of_the_steps(generator: ModuleType) -> None:
    text = generator.page(generator.read())

    families = list(dict.fromkeys(kind.build.__module__.rpartition(".")[2] for kind in STEPS.values()))
    places = [
        text.find(f"## {' / '.join(generator.FAMILIES[family])}")
        for family in families
        if family in generator.FAMILIES
    ]
    assert places == sorted(places)
    assert -1 not in places


# the known-bad twins -----------------------------------------------------------------------------


def test_a_page_that_lags_behind_its_tables_is_noticed(generator: ModuleType) -> None:
    changed = copy.deepcopy(generator.read())
    changed["postal"]["case"][0]["gives"] = "9999999"

    assert generator.page(changed) != generator.page(generator.read())


def test_a_value_that_a_table_would_swallow_is_shown(generator: ModuleType) -> None:
    changed = copy.deepcopy(generator.read())
    changed["postal"]["case"][0]["given"] = "a|b \u3000\u200b<x>"

    assert "a\\|b␣□U+200B&lt;x>" in generator.page(changed)
