"""What may be done with a row, from what stands in the target: the whole table of cases."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest

PLACE = Path(__file__).resolve().parents[3] / "connectors" / "parts" / "odbc_child" / "push_judge.py"

CASES = """
there | key | person | stands | as_seen | seen | names | then      | code
no    |     |        |        |         | any  | no    | insert    |
no    |     |        |        |         | none | no    | insert    |
no    |     |        |        |         | row  | no    | conflict  |
no    |     |        |        |         | any  | yes   | refused   | E_PUSH_PERSON
no    |     |        |        |         | none | yes   | insert    |
yes   | no  | yes    | yes    | yes     | any  | no    | refused   | E_PUSH_KEY
yes   | yes | no     | yes    | yes     | any  | yes   | refused   | E_PUSH_PERSON
yes   | yes | yes    | yes    | no      | row  | no    | unchanged |
yes   | yes | yes    | yes    | no      | none | no    | unchanged |
yes   | yes | yes    | no     | no      | any  | no    | update    |
yes   | yes | yes    | no     | yes     | row  | no    | update    |
yes   | yes | yes    | no     | no      | row  | no    | conflict  |
yes   | yes | yes    | no     | yes     | none | no    | conflict  |
"""


@pytest.fixture(scope="module")
def judge() -> ModuleType:
    spec = importlib.util.spec_from_file_location("push_judge_under_test", PLACE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def rows() -> list[dict[str, str]]:
    head, *lines = [[cell.strip() for cell in line.split("|")] for line in CASES.strip().splitlines()]
    return [dict(zip(head, line, strict=True)) for line in lines]


@pytest.mark.parametrize("case", rows(), ids=lambda case: f"{case['then']} {case['seen']}")
def test_every_case_has_one_verdict(case: dict[str, str], judge: ModuleType) -> None:
    standing = None
    if case["there"] == "yes":
        standing = judge.Standing(
            is_same_key=case["key"] == "yes", is_same_person=case["person"] == "yes",
            stands=case["stands"] == "yes", as_seen=case["as_seen"] == "yes",
        )  # fmt: skip

    verdict = judge.judge(standing, case["seen"], names_person=case["names"] == "yes")

    assert (verdict.doing, verdict.code or "") == (case["then"], case["code"])


def test_rows_without_a_key_of_their_own_are_found(judge: ModuleType) -> None:
    rows = pa.table({"a": ["1", "1", "2", None, "1"], "b": ["x", "y", "x", "x", "x"]})

    assert judge.without_a_key(rows, ["a", "b"]) == {0: "21000", 4: "21000", 3: "22004"}
    assert judge.without_a_key(rows.slice(1, 2), ["a", "b"]) == {}


def test_values_that_would_not_arrive_whole_are_found(judge: ModuleType) -> None:
    rows = pa.table({"yen": ["1.50", "1.500", "1.505", None], "name": ["山", "田\0", "川", None]})

    assert judge.unfit(rows, {"yen": r"\.\d{2}0*[1-9]"}) == {1: "22021", 2: "22001"}


@pytest.mark.parametrize(
    ("sent", "stands", "came"),
    [
        ("髙﨑", "髙﨑", True),
        ("髙﨑", "髙", False),
        ("髙﨑", "高﨑", False),
        ("1.5", "1.5000", True),
        ("0000000019", "0000000019  ", True),
        (None, None, True),
        ("髙", None, False),
    ],
)
def test_a_letter_that_was_bent_on_the_way_is_seen(
    sent: str | None, stands: str | None, came: bool, judge: ModuleType
) -> None:
    tables = (pa.table({"name": pa.array([text], pa.string())}) for text in (sent, stands))

    assert judge.came_through(*tables) is came


def test_many_numbers_are_asked_for_by_their_runs(judge: ModuleType) -> None:
    numbers = [*range(100), 200, 202]

    assert judge.among(numbers) == "(p.n BETWEEN 0 AND 99 OR p.n IN (200, 202))"
