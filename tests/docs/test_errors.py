"""The catalogue of errors is whole, used, and told in docs/errors.md."""

import importlib.util
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "src" / "renkei" / "error_catalogue.toml"
TEXTS = tuple(f"{part}_{language}" for part in ("what", "safe", "next") for language in ("ja", "en"))
CODE = re.compile(r"""["'](E_[A-Z0-9_]+)["']""")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    place = ROOT / "docs" / "generate_errors.py"
    spec = importlib.util.spec_from_file_location("generate_errors", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def catalogue() -> dict[str, dict[str, str]]:
    return tomllib.loads(CATALOGUE.read_text("utf-8"))


def sources() -> Iterator[Path]:
    for folder in ("src/renkei", "connectors", "dags"):
        yield from sorted((ROOT / folder).rglob("*.py"))
        yield from sorted((ROOT / folder).rglob("*.sql"))


def codes_in(text: str) -> set[str]:
    return set(CODE.findall(text)) - {"E_CODE"}  # the help stands E_CODE for any of them


def lacking(texts: dict[str, str]) -> list[str]:
    return [name for name in TEXTS if not texts.get(name, "").strip()]


def facts(texts: dict[str, str], language: str) -> set[str]:
    parts = " ".join(texts[f"{part}_{language}"] for part in ("what", "safe", "next"))
    return {name for _, name, _, _ in string.Formatter().parse(parts) if name}


def test_every_code_that_is_raised_is_in_the_catalogue() -> None:
    raised = {code: place for place in sources() for code in codes_in(place.read_text("utf-8"))}

    unknown = {
        code: str(place.relative_to(ROOT)) for code, place in raised.items() if code not in catalogue()
    }

    assert unknown == {}


def test_every_code_of_the_catalogue_is_used_somewhere() -> None:
    rules = (ROOT / "reconciliation").glob("*.toml")
    used = {code for place in (*sources(), *rules) for code in codes_in(place.read_text("utf-8"))}

    assert set(catalogue()) - used == set()


def test_every_code_has_its_six_texts() -> None:
    assert {code: lacking(texts) for code, texts in catalogue().items() if lacking(texts)} == {}


def test_no_code_has_texts_beside_the_six() -> None:
    assert {
        code: sorted(set(texts) - set(TEXTS))
        for code, texts in catalogue().items()
        if set(texts) - set(TEXTS)
    } == {}


def test_both_languages_tell_the_same_facts() -> None:
    differing = {code for code, texts in catalogue().items() if facts(texts, "ja") != facts(texts, "en")}

    assert differing == set()


def test_the_page_of_errors_is_what_the_generator_writes(generator: ModuleType) -> None:
    told = (ROOT / "docs" / "errors.md").read_text("utf-8")

    assert told == generator.page(catalogue()), "run .venv/bin/python docs/generate_errors.py"


# the known-bad twins -----------------------------------------------------------------------------


def test_a_missing_text_is_noticed() -> None:
    texts = dict.fromkeys(TEXTS, "x") | {"safe_ja": " "}

    assert lacking(texts) == ["safe_ja"]


def test_a_code_of_an_answer_or_a_call_is_noticed() -> None:
    text = """raise Stop("E_NEW_ONE", feed=feed)\nreject(code='E_OTHER2')\n# E_ONLY_TALKED_OF"""

    assert codes_in(text) == {"E_NEW_ONE", "E_OTHER2"}


def test_a_page_that_lags_behind_the_catalogue_is_noticed(generator: ModuleType) -> None:
    more = catalogue() | {"E_ZZZ": dict.fromkeys(TEXTS, "text | with a bar")}

    assert generator.page(more) != generator.page(catalogue())
    assert "text \\| with a bar" in generator.page(more)
