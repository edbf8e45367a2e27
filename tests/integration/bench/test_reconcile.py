"""``bench reconcile`` compares tables whose differences are known."""

from datetime import date
from pathlib import Path

from bench import contest
from bench.desk import Desk
from bench.tasks import beside_compares, compares

ROWS = 5000


def test_what_was_planted_is_what_is_found(tmp_path: Path) -> None:
    here = Desk(folder=tmp_path, day=date(2026, 11, 20))
    next(compares.make(here, rows=ROWS))()

    told = next(compares.ours(here, rows=ROWS))()

    assert told.facts == {"cells": ROWS // 100 + ROWS // 1000, "only_left": 5, "only_right": 5}


def test_others_read_the_same_files_and_import_nothing_of_the_hub(tmp_path: Path) -> None:
    here = Desk(folder=tmp_path, day=date(2026, 11, 20))

    assert beside_compares._places(here, ROWS) == compares.places(here, ROWS)
    assert "import renkei" not in Path(beside_compares.__file__).read_text("utf-8")
    assert "from renkei" not in Path(beside_compares.__file__).read_text("utf-8")


def test_a_contender_with_packages_of_its_own_sees_them_first() -> None:
    assert contest._environment("compare")["PYTHONPATH"] == str(contest.ROOT / "var" / "bench" / "compare")
    assert contest._environment().get("PYTHONPATH") != contest._environment("compare")["PYTHONPATH"]
