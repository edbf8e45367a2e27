"""The nights of a small city pass through the hub, and every rule is told beside what is really wrong."""

import json
from contextlib import suppress

import pytest
from bench import rule_quality
from bench.contest import Failed

pytestmark = pytest.mark.campaign


@pytest.mark.timeout(600)
def test_a_week_of_nights_finds_what_was_planted_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    # of a handful of plants one unlike reason is many in a hundred; in this city there is room for every rule
    with suppress(Failed):
        rule_quality.measure(residents=600, weeks=1, seed=3, as_json=True)

    told = json.loads(capsys.readouterr().out)
    assert told["without_plants"] == []
    assert told["total"]["missed"] == told["total"]["false"] == 0
    assert any(night["not_compared"] for night in told["nights"])
