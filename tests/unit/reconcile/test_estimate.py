"""A join that multiplies is refused by counting its keys, before it runs; an honest one runs at once."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.reconcile.support import AS_OF, ROOT, RULE, rules_of

from renkei.engine.duck import DuckEngine
from renkei.reconcile import Rule, declared_terms, load_rules
from renkei.reconcile.estimate import Pairs
from renkei.reconcile.find import offer_lags, rows
from renkei.reconcile.relation import HUB_RELATIONS, schemas

CITY = declared_terms(ROOT / "mappings")
PEOPLE = 20_000
ON = "t.resident_id = j.resident_id"


@pytest.fixture(scope="module")
def city() -> Iterator[DuckEngine]:
    """20,000 residents with a record in every feed; of each hundredth the address differs."""
    with DuckEngine(threads=2) as engine:
        for name, schema in schemas(CITY).items():
            engine.table(name, schema.empty_table() if name in HUB_RELATIONS else _people(name, schema))
        offer_lags(engine, CITY)
        engine.seal()
        yield engine


def _people(feed: str, schema: pa.Schema) -> pa.Table:
    numbers = range(PEOPLE)
    moved = feed == "tax.taxpayer"
    written = {
        "resident_id": list(numbers),
        "source_key": [f"{feed[0]}{number}" for number in numbers],
        "sex": ["male" if number % 2 else "female" for number in numbers],
        "household_number": [str(number // 3) for number in numbers],
        "address_key": [
            f"本町{number}" if not moved or number % 100 else f"新町{number}" for number in numbers
        ],
        "address_since": [AS_OF.replace(day=1)] * PEOPLE,
    }
    columns = [pa.array(written.get(field.name, [None] * PEOPLE), field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def rule_on(folder: Path, condition: str, *, extra: str = "") -> Rule:
    text = RULE.replace(ON, condition, 1).replace("severity = 2", f"severity = 2\n{extra}", 1)
    (rule,) = rules_of(folder, text)
    return rule


def test_everyone_of_one_sex_with_everyone_is_refused_before_it_runs(
    city: DuckEngine, tmp_path: Path
) -> None:
    rule = rule_on(tmp_path, "t.sex = j.sex")

    refused = Pairs(city).refuse(rule, as_of=AS_OF)

    assert refused is not None
    assert refused.pairs == PEOPLE * PEOPLE // 2
    assert refused.limit == 1_000_000
    fault = refused.fault()
    assert fault.code == "E_RULE_PAIRS"
    assert "juki.resident AS j / tax.taxpayer AS t: j.sex = t.sex" in str(fault)


def test_the_same_people_by_their_number_run_and_are_found(city: DuckEngine, tmp_path: Path) -> None:
    rule = rule_on(tmp_path, ON)

    assert Pairs(city).refuse(rule, as_of=AS_OF) is None
    assert rows(city, rule, as_of=AS_OF).num_rows == PEOPLE // 100


@pytest.mark.parametrize(
    "condition",
    [
        "upper(t.sex) = upper(j.sex)",
        "t.sex = j.sex AND t.address_key <> j.address_key",
        "t.sex = j.sex AND t.source_key < j.source_key",
        "j.sex = t.sex",
    ],
)
def test_neither_an_expression_nor_a_further_condition_hides_it(
    city: DuckEngine, tmp_path: Path, condition: str
) -> None:
    assert Pairs(city).refuse(rule_on(tmp_path, condition), as_of=AS_OF) is not None


def test_a_key_that_comes_out_of_a_union_is_counted_too(city: DuckEngine, tmp_path: Path) -> None:
    both = (
        "JOIN (SELECT resident_id, source_key, sex, address_key FROM tax.taxpayer UNION ALL "
        "SELECT resident_id, source_key, sex, address_key FROM tax.taxpayer) AS t"
    )
    text = RULE.replace("JOIN tax.taxpayer AS t", both).replace(ON, "t.sex = j.sex")
    (rule,) = rules_of(tmp_path, text)

    refused = Pairs(city).refuse(rule, as_of=AS_OF)

    assert refused is not None
    assert refused.pairs == PEOPLE * PEOPLE


def test_a_query_that_compares_each_with_half_of_the_city_is_refused(
    city: DuckEngine, tmp_path: Path
) -> None:
    inner = "EXISTS (SELECT 1 FROM tax.taxpayer AS x WHERE x.sex = j.sex AND x.source_key > j.source_key)"
    text = RULE.replace("j.address_key <> t.address_key", f"j.address_key <> t.address_key AND {inner}")
    (wrong,) = rules_of(tmp_path / "wrong", text)
    (right,) = rules_of(tmp_path / "right", text.replace("x.sex = j.sex", "x.resident_id = j.resident_id"))

    assert Pairs(city).refuse(wrong, as_of=AS_OF) is not None
    assert Pairs(city).refuse(right, as_of=AS_OF) is None


def test_a_condition_on_one_side_is_counted_in(city: DuckEngine, tmp_path: Path) -> None:
    few = "t.sex = j.sex AND t.source_key = 't7'"

    assert Pairs(city).refuse(rule_on(tmp_path, few), as_of=AS_OF) is None


def test_a_rule_may_say_how_many_pairs_it_makes(city: DuckEngine, tmp_path: Path) -> None:
    enough = rule_on(tmp_path / "enough", "t.sex = j.sex", extra="pairs = 200_000_000")
    short = rule_on(tmp_path / "short", "t.household_number = j.household_number", extra="pairs = 59_000")

    assert Pairs(city).refuse(enough, as_of=AS_OF) is None
    assert Pairs(city).refuse(short, as_of=AS_OF) is not None


def test_no_rule_of_the_city_is_refused_for_people_of_households(city: DuckEngine) -> None:
    pairs = Pairs(city)
    rules = load_rules(ROOT / "reconciliation", terms=CITY)

    assert {rule.id: told for rule in rules if (told := pairs.refuse(rule, as_of=AS_OF))} == {}
