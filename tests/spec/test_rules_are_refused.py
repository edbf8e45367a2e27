"""A wrong rule file is refused before anything runs: every problem at once, with file and line."""

import json
import tomllib
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from tests.unit.reconcile.support import ROOT, RULE, TERMS, rules_of

from renkei.errors import FixDeclaration
from renkei.reconcile import declared_terms, load_rules
from renkei.reconcile.shape import SCHEMA, published


def problems_of(folder: Path, *texts: str) -> list[str]:
    with pytest.raises(FixDeclaration) as refused:
        rules_of(folder, *texts)
    assert refused.value.code == "E_DECLARATION"
    return str(refused.value.facts["problems"]).splitlines()


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_shortest_rule_is_accepted(tmp_path: Path) -> None:
    (rule,) = rules_of(tmp_path, RULE)

    assert (rule.id, rule.kind, rule.lasting, rule.valid_to) == ("R90", "mismatch", False, None)


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("j.adress_key <> t.address_key", "j.address_key <> t.address_key", "nearest name: address_key"),
        ("JOIN tax.taxpayr AS t", "JOIN tax.taxpayer AS t", "nearest name: tax.taxpayer"),
        ("WHERE j.address_key <>> t.address_key", "WHERE j.address_key <> t.address_key", "expected SQL"),
        (
            "JOIN tax.taxpayer AS t\n",
            "JOIN tax.taxpayer AS t ON t.resident_id = j.resident_id\n",
            "without a con",
        ),
        (
            "JOIN tax.taxpayer AS t ON TRUE",
            "JOIN tax.taxpayer AS t ON t.resident_id = j.resident_id",
            "no equal",
        ),
        (
            "JOIN tax.taxpayer AS t ON t.resident_id < j.resident_id",
            "JOIN tax.taxpayer AS t ON t.resident_id = j.resident_id",
            "no equality of both sides",
        ),
        ("> $window", "<> t.address_key", "found $window"),
        ("j.since AS sinse", "j.address_since AS since", "the SELECT to return since"),
        (
            "j.address_since < current_date",
            "j.address_key <> t.address_key",
            "the same answer whenever it is asked",
        ),
        ("j.address_since < now()", "j.address_key <> t.address_key", "found now"),
        ("random() < 0.5", "j.address_key <> t.address_key", "the same answer whenever it is asked"),
        ("FROM 'people.parquet' AS j", "FROM juki.resident AS j", "a known relation"),
        ("FROM read_csv('people.csv') AS j", "FROM juki.resident AS j", "a known relation"),
        ("t.address_key; DROP TABLE hub.link", "t.address_key", "one SELECT"),
        ("(SELECT * FROM tax.taxpayer) AS t", "tax.taxpayer AS t", "columns by name"),
    ],
)
def test_a_wrong_query_is_refused_at_its_line(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    text = RULE.replace(right, wrong, 1)
    assert text != RULE

    problems = problems_of(tmp_path, text)

    assert any(told in problem for problem in problems), problems


def test_the_line_of_an_unknown_column_is_its_line_in_the_file(tmp_path: Path) -> None:
    text = RULE.replace("j.address_key <>", "j.adress_key <>")

    (problem,) = problems_of(tmp_path, text)

    assert problem.startswith(f"R90_case.toml:{line_of(text, 'j.adress_key')}: ")


def test_a_column_of_another_relation_is_refused_inside_a_subquery_too(tmp_path: Path) -> None:
    inner = "EXISTS (SELECT 1 FROM tax.taxpayer AS x WHERE x.resident_id = j.resident_id AND x.levy = '1')"
    text = RULE.replace("j.address_key <> t.address_key", inner)

    (problem,) = problems_of(tmp_path, text)

    assert "found x.levy" in problem


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("", 'title_en = "Addresses differ"\n', "the key title_en"),
        ('title = "  "', 'title = "住所の相違"', "title to hold a text"),
        ("", 'action_en = "Check"\n', "the key action_en"),
        ("severity = 4", "severity = 2", "one of 1, 2, 3"),
        ('ower = "市民課"', 'owner = "市民課"', "nearest name: owner"),
        ('valid_from = "2020-01-01"', "valid_from = 2020-01-01", "a TOML date"),
        ("valid_from = 2020-01-01\nvalid_to = 2019-12-31", "valid_from = 2020-01-01", "a day from 2020"),
        ('"tax.taxpayers"]', '"tax.taxpayer"]', "nearest name: tax.taxpayer"),
        ('"tax.taxpayer", "welfare.benefit"]', '"tax.taxpayer"]', "welfare.benefit, which compare lists"),
        ("[parameters]\nlimit = 3\n\n[[must_find]]", "[[must_find]]", "parameter limit to be used"),
        ("resident_id | source_key | adress_key | address_since",
         "resident_id | source_key | address_key | address_since", "nearest name: address_key"),
        ("1           | J1         | 本町1       | 2026-13-01",
         "1           | J1         | 本町1       | 2026-11-01", "address_since as date32"),
        ("severity = = 2", "severity = 2", "TOML in UTF-8"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_refused(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    text = RULE.replace(right, wrong, 1)
    assert text != RULE

    problems = problems_of(tmp_path, text)

    assert any(told in problem for problem in problems), problems


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    first = (
        RULE.replace("j.adress_key", "x").replace("severity = 2", "severity = 9").replace('"R90"', '"R91"', 1)
    )
    second = RULE.replace("j.address_key <>", "j.adress_key <>").replace(
        "JOIN tax.taxpayer", "JOIN tax.taxpayr"
    )

    problems = problems_of(tmp_path, first, second)

    assert [problem.split(":")[0] for problem in problems] == ["R90_case.toml"] * 3 + ["R91_case.toml"]


def test_two_rules_with_one_id_are_both_told(tmp_path: Path) -> None:
    (tmp_path / "R90_other.toml").write_text(RULE, "utf-8")

    problems = problems_of(tmp_path, RULE)

    assert [problem.split(":")[0] for problem in problems] == ["R90_case.toml", "R90_other.toml"]
    assert "also in R90_other.toml" in problems[0]


def test_a_file_named_for_another_rule_is_refused(tmp_path: Path) -> None:
    (tmp_path / "R77_case.toml").write_text(RULE, "utf-8")

    with pytest.raises(FixDeclaration, match="the id that the file name starts with"):
        load_rules(tmp_path, terms=TERMS)


def test_a_rule_is_in_force_from_its_first_to_its_last_day(tmp_path: Path) -> None:
    (rule,) = rules_of(tmp_path, RULE.replace("2020-01-01", "2020-01-01\nvalid_to = 2026-03-31"))

    days = [date(2019, 12, 31), date(2020, 1, 1), date(2026, 3, 31), date(2026, 4, 1)]

    assert [rule.is_in_force(day) for day in days] == [False, True, True, False]


def test_the_digest_moves_with_the_text_and_with_nothing_else(tmp_path: Path) -> None:
    (before,) = rules_of(tmp_path / "a", RULE)
    (same,) = rules_of(tmp_path / "b", RULE)
    (changed,) = rules_of(tmp_path / "c", RULE.replace("severity = 2", "severity = 3"))

    assert before.digest == same.digest != changed.digest


def test_feeds_are_read_from_the_mappings_beside_the_rules(tmp_path: Path) -> None:
    mappings = tmp_path / "mappings"
    mappings.mkdir()
    for system, name in (("juki", "resident"), ("tax", "taxpayer")):
        feed = f'system = "{system}"\n[[feed]]\nname = "{name}"\nrecord = "person"\nlag = "26h"\n'
        (mappings / f"{system}.toml").write_text(feed, "utf-8")
    (tmp_path / "reconciliation").mkdir()
    (tmp_path / "reconciliation" / "R90_case.toml").write_text(RULE, "utf-8")

    rules = load_rules(tmp_path / "reconciliation")

    assert [rule.id for rule in rules] == ["R90"]
    assert declared_terms(mappings)["tax.taxpayer"] == TERMS["tax.taxpayer"]


def test_the_published_schema_is_the_one_that_rules_are_checked_by() -> None:
    text = (ROOT / "docs" / "schemas" / "rule.schema.json").read_text("utf-8")

    assert text == published()
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize(
    "place", sorted((ROOT / "reconciliation").glob("*.toml")), ids=lambda place: place.stem
)
def test_the_schema_accepts_every_rule_of_the_city(place: Path) -> None:
    plain = json.loads(json.dumps(tomllib.loads(place.read_text("utf-8")), default=str))

    jsonschema.validate(plain, SCHEMA)
