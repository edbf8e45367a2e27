"""Examples run through the real plan; a wrong one is told with what was expected and what was found."""

from datetime import date
from pathlib import Path

import pytest
from tests.unit.mapping.small import DAY, HEAD, batch, field, load

from renkei import mapping
from renkei.mapping.examples import Miss, read, run
from renkei.mapping.explain import explain

ROOT = Path(__file__).parents[3]
FIELDS = (
    field("sex", '"seibetsu"', '[{ code = "sex_digit" }]', "required = true")
    + field("full_name", '"shimei"', '["trim"]', "required = true")
    + field("date_of_birth", '"umare"', '[{ seireki = "YYYYMMDD", unknown = "00" }]')
)


def example(gives: str, given: str = '{ seibetsu = "1" }', more: str = "") -> str:
    return f'\n[[feed.example]]\ntitle = "例"\ngiven = {given}\n{gives}\n{more}\n'


def outcome(tmp_path: Path, text: str) -> tuple[Miss, ...]:
    [made] = load(HEAD + FIELDS + text, tmp_path)
    [one] = run(made, as_of=DAY)
    return one.misses


@pytest.mark.parametrize(
    "text",
    [
        example('gives = { sex = "1" }'),
        example('refused = "E_UNKNOWN_CODE"', '{ seibetsu = "x" }'),
        example("gives = { date_of_birth = 1965-05-01 }", '{ umare = "19650501" }'),
        example(
            'gives = { date_of_birth = "", date_of_birth_lo = 1965-05-01, date_of_birth_precision = "M" }',
            '{ umare = "19650500" }',
        ),
        example('gives = { source_key = "7" }', '{ bango = "7" }'),
    ],
)
def test_a_right_example_passes_with_only_the_columns_that_it_is_about(text: str, tmp_path: Path) -> None:
    assert outcome(tmp_path, text) == ()


@pytest.mark.parametrize(
    ("text", "miss"),
    [
        (example('gives = { sex = "2" }'), ("sex", "2", "1")),
        (example('gives = { sex = "1" }', '{ seibetsu = "x" }'), ("refused", None, "E_UNKNOWN_CODE")),
        (example('refused = "E_UNKNOWN_CODE"'), ("refused", "E_UNKNOWN_CODE", None)),
        (
            example("gives = { date_of_birth = 1965-05-02 }", '{ umare = "19650501" }'),
            ("date_of_birth", date(1965, 5, 2), date(1965, 5, 1)),
        ),
    ],
)
def test_a_wrong_example_is_told_with_what_was_found(
    text: str, miss: tuple[str, object, object], tmp_path: Path
) -> None:
    [found] = outcome(tmp_path, text)

    assert (found.column, found.expected, found.found) == miss


def test_an_example_has_its_own_day(tmp_path: Path) -> None:
    version = """
[[feed.version]]
from = 2027-04-01
[[feed.version.field]]
to = "sex"
from = "seibetsu"
steps = [{ code = "sex_letter" }]
"""
    text = example('gives = { sex = "1" }', '{ seibetsu = "M" }', "day = 2027-04-01")

    assert outcome(tmp_path, text + version) == ()


def test_the_citys_examples_pass() -> None:
    outcomes = [each for made in mapping.load_all(ROOT / "mappings") for each in run(made, as_of=DAY)]

    assert [(each.feed, each.title, each.misses) for each in outcomes if not each.passed] == []
    assert {each.feed.split(".")[0] for each in outcomes} == {"juki", "tax", "welfare"}


def test_a_delivery_is_read_without_being_held(tmp_path: Path) -> None:
    expect = '\n[[feed.expect]]\nfield = "date_of_birth"\nshare = 0.9\n'
    [made] = load(HEAD + FIELDS + expect, tmp_path)
    rows = 200
    given = batch(
        bango=[str(n) for n in range(rows)],
        seibetsu=["1"] * (rows - 1) + ["x"],
        shimei=["架空 太郎"] * rows,
        umare=["19650501"] * 100 + ["19650500"] * 100,
    )

    reading = read(made, given, as_of=DAY)

    assert (reading.records, reading.mapped, dict(reading.rejects)) == (200, 199, {"E_UNKNOWN_CODE": 1})
    assert (reading.held, [each.holds for each in reading.standings]) == ("E_PROFILE", [False])


def test_a_record_is_explained_step_by_step(tmp_path: Path) -> None:
    [made] = load(HEAD + FIELDS, tmp_path)

    told = explain(
        made, {"bango": "7", "seibetsu": "1", "shimei": "架空　太郎", "umare": "19650500"}, as_of=DAY
    )

    by_name = {each.to: each for each in told.fields}
    assert told.refused is None
    assert (by_name["sex"].raw, by_name["sex"].value) == ((("seibetsu", "1"),), "1")
    assert by_name["date_of_birth"].steps[-1].value["precision"] == "M"
    assert by_name["full_name"].value == "架空　太郎"


def test_a_refused_record_is_explained_with_its_fault(tmp_path: Path) -> None:
    [made] = load(HEAD + FIELDS, tmp_path)

    told = explain(made, {"bango": "7", "seibetsu": "x", "shimei": "架空", "umare": None}, as_of=DAY)

    assert (told.refused, told.refused_field, told.key) == ("E_UNKNOWN_CODE", "seibetsu", "7")
    assert [each.to for each in told.fields if each.refused] == ["sex"]
