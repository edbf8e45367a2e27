"""``bench normalize`` measures two ways that give the same values, and says so when they do not."""

import json
from datetime import date
from pathlib import Path

import pytest
from bench import normalize
from bench.desk import Desk
from bench.tasks import by_row, normalized, people

ROWS = 3000


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    here = Desk(folder=tmp_path_factory.mktemp("normalize"), day=date(2026, 11, 20))
    next(people.make(here, rows=ROWS))()
    return here


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_size_is_told_beside_the_loop(capsys: pytest.CaptureFixture[str]) -> None:
    normalize.measure(rows=[2000, 1000], rounds=1, sample=500)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["stage"], line["rows"]) for line in lines] == [
        ("normalize", 1000), ("normalize", 2000), ("normalize_whole", 1000),
    ]  # fmt: skip
    for line in lines[:2]:
        assert line["usual"]["facts"] == {"compared": 500, "differing": 0}
        assert line["usual"]["scaled_from_rows"] == 500
        assert line["facts"]["fields"] == 12


def test_the_plan_and_the_loop_make_the_same_of_every_record(desk: Desk) -> None:
    assert normalized._differing(desk, ROWS, ROWS) == {"compared": ROWS, "differing": 0}


def test_a_loop_that_forgets_a_rule_is_found_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_row, "loose_key", lambda strict: strict)

    told = normalized._differing(desk, ROWS, ROWS)

    assert told["differing"] > ROWS / 2
    assert {"differing_name_loose_key", "differing_kana_loose_key"} <= set(told)


def test_a_larger_file_begins_as_a_smaller_one() -> None:
    small, large = people.block(0, 100), people.block(0, 200)

    assert large.slice(0, 100).equals(small)


def test_the_records_hold_what_a_mapping_must_judge(desk: Desk) -> None:
    codes = {
        code
        for table in normalized._blocks(people.place(desk, ROWS))
        for code in normalized.mappings.apply(normalized._mapping(), normalized._batch(table), as_of=desk.day)
        .rejects.column("code")
        .to_pylist()
    }

    assert codes == {"E_IMPOSSIBLE_DATE"}
    assert Path(people.place(desk, ROWS)).stat().st_size < 1_000_000
