"""The measurement runs on real components, tells every stage in one shape, and leaves nothing behind."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from renkei.registry.embedded import Cluster
from renkei_sample.legacy.accounts import server_home

ROOT = Path(__file__).resolve().parents[3]
STAGES = [
    "pull_odbc", "pull_sftp", "land", "read_fixed", "read_xml", "map_derived", "map", "merge_first",
    "reconcile", "report", "seal", "whole_night", "prove", "verify", "compare", "merge_one_percent",
]  # fmt: skip
KEYS = {
    "stage",
    "rows",
    "seconds",
    "rows_per_s",
    "peak_mb",
    "runs",
    "floor",
    "usual",
    "ratio",
    "parts",
    "facts",
}
NIGHTLY = {"reconcile", "report", "seal", "whole_night"}

pytestmark = pytest.mark.slow


def started(tmp_path: Path, *arguments: str) -> "subprocess.Popen[str]":
    """The measurement, with its temporary folder where the test can look."""
    return subprocess.Popen(
        [ROOT / ".venv/bin/python", "-m", "bench", "night", *arguments], cwd=ROOT, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_every_stage_is_one_line_of_one_shape_and_nothing_is_left_behind(tmp_path: Path) -> None:
    running = started(tmp_path, "--residents", "300", "--days", "0", "--rounds", "1")

    said, progress = running.communicate()

    assert running.returncode == 0, progress
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["stage"] for line in lines] == STAGES
    for line in lines:
        assert_shape(line)
    by_stage = {line["stage"]: line for line in lines}
    assert by_stage["map_derived"]["usual"]["facts"] == {"differing": 0}
    assert by_stage["merge_one_percent"]["facts"]["merged"] == 3
    assert by_stage["prove"]["facts"]["broken"] == []
    assert by_stage["verify"]["facts"] == {"proven": True}
    assert_nothing_is_left(progress)


def test_an_interrupted_measurement_leaves_nothing_behind(tmp_path: Path) -> None:
    running = started(tmp_path, "--residents", "300", "--days", "0", "--rounds", "1")
    assert running.stdout is not None
    assert "pull_odbc" in running.stdout.readline()

    running.send_signal(signal.SIGINT)
    _, progress = running.communicate()

    assert running.returncode == 130
    assert_nothing_is_left(progress)


def assert_shape(line: dict[str, Any]) -> None:
    assert set(line) - {"night"} == KEYS, line
    assert ("night" in line) == (line["stage"] in NIGHTLY)
    assert line["rows"] > 0
    assert min(line["seconds"], line["rows_per_s"], line["peak_mb"]) > 0
    beside = {"times_the_floor": line["floor"], "times_faster_than_usual": line["usual"]}
    assert set(line["ratio"]) == {name for name, other in beside.items() if other}
    for other in filter(None, beside.values()):
        assert other["name"]
        assert other["seconds"] > 0


def places(progress: str) -> list[Path]:
    """The measurement's folder, and where its servers had to go if their accounts could not reach it."""
    folder = Path(
        next(line.split("working in ")[1] for line in progress.splitlines() if "working in" in line)
    )
    return [folder, server_home(folder / "city"), Cluster(folder / "pg").home]


def assert_nothing_is_left(progress: str) -> None:
    left = places(progress)
    assert [place for place in left if place.exists()] == []
    assert [command for command in commands() for place in left if str(place) in command] == []


def commands() -> Iterator[str]:
    """Command lines of everything that runs."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield place.read_bytes().decode(errors="replace")
