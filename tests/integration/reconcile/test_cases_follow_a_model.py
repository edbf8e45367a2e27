"""Forty random nights in a row: the registry's cases are what twenty lines of plain Python say."""

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from tests.integration.reconcile.world import FIRST_NIGHT, Hub, night, plain_rule

from renkei.reconcile import Rule

#: Subject and cause of each difference that a night may find; the last two share a case with others.
DIFFERENCES = [("1", "address"), ("1", "name"), ("2", "address"), ("1", "address"), ("2", "address")]


class Model:
    """What is open, and how often each case has come back."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self.reopened: dict[tuple[str, str], int] = {}

    def cases(self) -> set[tuple[str, str]]:
        return {DIFFERENCES[number] for number in self.open}

    def pass_night(self, found: set[int], in_transit: set[int]) -> None:
        before = self.cases()
        self.open = found | (self.open & in_transit)
        for case in self.cases() - before:
            self.reopened[case] = self.reopened.get(case, -1) + 1


@pytest.mark.parametrize("seed", [1, 2])
def test_cases_are_what_the_model_says(registry: sa.Engine, tmp_path: Path, seed: int) -> None:
    rng, hub, model = Random(seed), Hub(registry), Model()
    rule = plain_rule(tmp_path / "rules")

    for number in range(40):
        as_of = FIRST_NIGHT + timedelta(days=number)
        seen = {each for each in range(len(DIFFERENCES)) if rng.random() < 0.5}
        in_transit = {each for each in seen if rng.random() < 0.3}
        if rng.random() < 0.2:
            hub.pass_night(night(rule, as_of=as_of, state="not_compared", missing=["tax.taxpayer"]))
        else:
            model.pass_night(seen - in_transit, in_transit)
            hub.pass_night(night(rule, _table(seen, in_transit), as_of=as_of))

        assert _open_mismatches(hub) == model.open
        assert _cases(hub) == {
            case: ("open" if case in model.cases() else "closed", times)
            for case, times in model.reopened.items()
        }
    _every_case_tells_its_story(hub, rule)


def _table(seen: set[int], in_transit: set[int]) -> str:
    lines = ["subject_id | cause | right_key | in_transit"]
    for number in sorted(seen):
        subject, cause = DIFFERENCES[number]
        lines.append(f"{subject} | {cause} | T{number} | {'true' if number in in_transit else 'false'}")
    return "\n".join(lines)


def _open_mismatches(hub: Hub) -> set[int]:
    rows = hub.rows("SELECT right_key FROM mismatch WHERE gone_at IS NULL")
    return {int(str(key).removeprefix("T")) for (key,) in rows}


def _cases(hub: Hub) -> dict[tuple[str, str], tuple[str, int]]:
    rows = hub.rows('SELECT subject_id, cause, state, reopened FROM "case"')
    return {
        (str(subject), str(cause)): (str(state), int(str(times))) for subject, cause, state, times in rows
    }


def _every_case_tells_its_story(hub: Hub, rule: Rule) -> None:
    """Opened once, closed as often as it was reopened or once more: the events are the case's history."""
    told = hub.rows("""
        SELECT c.case_id
        FROM "case" AS c JOIN case_event AS e USING (case_id)
        GROUP BY c.case_id
        HAVING count(*) FILTER (WHERE kind = 'opened') <> 1
            OR count(*) FILTER (WHERE kind = 'reopened') <> c.reopened
            OR count(*) FILTER (WHERE kind = 'closed') <> c.reopened + CAST(c.state = 'closed' AS integer)
    """)
    assert told == []
    assert hub.rows("SELECT DISTINCT rule_digest FROM rule_result") == [(rule.digest,)]
