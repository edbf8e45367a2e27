"""Every place where a test may stop the program is listed, exists, and is stopped at by some test."""

import re
from pathlib import Path

from renkei.failpoint import ELSEWHERE, NAMES

ROOT = Path(__file__).resolve().parents[2]


def text_of(*folders: str) -> str:
    return "\n".join(
        place.read_text("utf-8") for folder in folders for place in sorted((ROOT / folder).rglob("*.py"))
    )


def test_the_lists_name_every_place_of_the_program_and_no_other() -> None:
    written = re.findall(r"failpoint\(\s*\"([a-z_.]+)\"", text_of("src", "connectors"))

    assert set(written) == {*NAMES, *ELSEWHERE}
    assert len(NAMES) + len(ELSEWHERE) == len({*NAMES, *ELSEWHERE})


def test_every_place_outside_the_night_is_stopped_at_by_a_test_of_its_own() -> None:
    tests = text_of("tests/integration", "tests/faults")

    assert [name for name in ELSEWHERE if f"{name}=kill9" not in tests and "PUSH_NAMES" not in tests] == []
    assert [name for name in ELSEWHERE if not name.startswith("push.") and f"{name}=kill9" not in tests] == []
