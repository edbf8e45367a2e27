"""A run works on the text that was in force when it began, whatever happens to the folder meanwhile."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.workflow.town import (
    AUTHOR,
    DAY,
    MAPPING,
    NEXT,
    NOBODY,
    RULE,
    TWO_PEOPLE,
    Town,
    build,
    people,
)

from renkei import archive, project, workflow
from renkei.cli.place import today
from renkei.clock import SystemClock
from renkei.doctor import examine
from renkei.errors import FixDeclaration, Stop
from renkei.registry import declarations
from renkei.workflow.in_force import of_archive

#: The same column from another place: a run that met both would mix two meanings of one delivery.
SWAPPED = ('from = "name" }', 'from = ["name", "address"], join = "" }')

CHILD = """
import sys
from datetime import date
from pathlib import Path
from renkei import project, workflow
found = project.load(Path(sys.argv[1]))
{verb}
"""
SYNC = 'workflow.sync_in(found, "town.person", as_of=date(2026, 11, 20), actor="t", trigger="t")'
PROPOSE = 'workflow.propose(found, author="cli:asako")'


def child(root: Path, verb: str, *, failpoints: str = "") -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "RENKEI_FAILPOINTS": failpoints}
    program = [sys.executable, "-c", CHILD.format(verb=verb), str(root)]
    return subprocess.Popen(program, env=environment, stderr=subprocess.DEVNULL)


@pytest.fixture
def town(tmp_project: Path, registry: sa.Engine) -> Town:
    made = build(tmp_project, registry)
    made.deliver(people(10))
    return made


def swap_when_landed(town: Town) -> threading.Thread:
    """Save another mapping at the moment when the delivery is in and nothing of it is mapped."""

    def swap() -> None:
        while not town.rows("SELECT 1 FROM delivery"):
            time.sleep(0.01)
        town.edit(MAPPING, *SWAPPED)

    swapping = threading.Thread(target=swap)
    swapping.start()
    return swapping


def test_a_file_swapped_in_mid_run_does_not_reach_the_run(town: Town) -> None:
    swapping = swap_when_landed(town)
    running = child(town.root, SYNC, failpoints="delivery.inserted=sleep:2")

    assert running.wait(60) == 0

    swapping.join()
    digest = archive.digest_of(archive.read(town.root))
    [(pinned,)] = town.rows("SELECT project_digest FROM run")
    assert town.held("full_name")["1"] == "葛原 花1"
    assert pinned != digest
    assert town.rows("SELECT digest FROM declaration") == [(pinned,)]


def test_without_approval_a_run_that_loads_late_would_meet_the_swapped_file(town: Town) -> None:
    # the twin: what is read from the folder when it is needed is what somebody has just saved
    town.edit(Path("renkei.toml"), TWO_PEOPLE, NOBODY)
    loose = SYNC.replace("workflow.sync_in(", "sync(").replace("found,", "found.root,")
    verb = f"""
from renkei.workflow import sync_in
def sync(root, *a, **k):
    from renkei.failpoint import failpoint
    failpoint("delivery.inserted")
    return sync_in(project.load(root), *a, **k)
{loose}
"""
    running = child(town.root, verb, failpoints="delivery.inserted=sleep:2")
    time.sleep(1)
    town.edit(MAPPING, *SWAPPED)

    assert running.wait(60) == 0

    assert town.held("full_name")["1"] == "葛原 花1本町1番"


@pytest.mark.parametrize("place", [MAPPING, Path("renkei.toml")])
def test_a_half_saved_file_stops_no_run(town: Town, place: Path) -> None:
    town.sync()
    (town.root / place).write_text("[[feed", "utf-8")
    town.deliver(people(11))

    assert town.sync(NEXT).counts.merged == 1
    assert today(project.load(town.root))
    with pytest.raises(FixDeclaration):
        town.propose()


def test_a_first_text_that_does_not_load_is_not_put_in_force(town: Town) -> None:
    town.edit(RULE, "severity = 2", "severity = 9")

    with pytest.raises(FixDeclaration):
        town.sync()

    assert town.rows("SELECT * FROM declaration") == []
    assert town.rows("SELECT * FROM run") == []


def test_an_unknown_feed_leaves_no_run(town: Town) -> None:
    with pytest.raises(FixDeclaration, match=r"town\.persn"):
        workflow.sync_in(project.load(town.root), "town.persn", as_of=DAY, actor="t", trigger="t")

    assert town.rows("SELECT * FROM run") == []


def test_two_first_runs_at_once_found_one_text(town: Town) -> None:
    def first(_: int) -> int | None:
        return workflow.in_force(project.load(town.root)).in_force

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(first, range(4)))

    assert len(answers) == 1
    assert len(town.rows("SELECT * FROM declaration")) == 1
    assert town.events().count("declarations.founded") == 1


def test_what_was_laid_out_and_altered_is_laid_out_anew(town: Town) -> None:
    town.sync()
    [(digest,)] = town.rows("SELECT digest FROM declaration")
    place = town.root / "var" / "declarations" / digest / MAPPING
    place.chmod(0o600)
    place.write_text(place.read_text("utf-8").replace(*SWAPPED), "utf-8")
    (place.parent / "more.toml").write_text("x = 1\n", "utf-8")
    town.deliver(people(11))

    town.sync(NEXT)

    assert town.held("full_name")["11"] == "葛原 花11"
    assert not (place.parent / "more.toml").exists()


def test_an_archive_that_is_damaged_too_stops_the_run(town: Town) -> None:
    town.sync()
    [(digest, sha256)] = town.rows("SELECT digest, object FROM declaration")
    laid_out = town.root / "var" / "declarations" / digest / "renkei.toml"
    laid_out.chmod(0o600)
    laid_out.write_text("", "utf-8")
    place = town.root / "var" / "landing" / "objects" / sha256[:2] / sha256
    place.chmod(0o600)
    place.write_bytes(b"no tar")

    with pytest.raises(Stop) as refused:
        town.sync(NEXT)

    assert refused.value.code == "E_OBJECT_DAMAGED"


@pytest.mark.parametrize("verb", [SYNC, PROPOSE])
def test_a_kill_between_archive_and_row_leaves_an_object_that_nobody_names(town: Town, verb: str) -> None:
    if verb == PROPOSE:
        town.sync()
        town.edit(RULE, "severity = 2", "severity = 1")
    before = town.rows("SELECT count(*) FROM declaration"), town.rows("SELECT count(*) FROM plan")

    assert child(town.root, verb, failpoints="declaration.archived=kill9").wait(60) == -9

    assert (town.rows("SELECT count(*) FROM declaration"), town.rows("SELECT count(*) FROM plan")) == before
    assert child(town.root, verb).wait(60) == 0
    assert len(town.rows("SELECT * FROM declaration")) == 1
    assert len(town.rows("SELECT * FROM plan")) == (verb == PROPOSE)


def test_an_auditor_reads_what_was_in_force_at_any_time(town: Town) -> None:
    town.sync()
    founded = SystemClock().now()
    town.edit(RULE, "severity = 2", "severity = 1")
    plan = town.propose(author=AUTHOR)
    made = town.apply(plan.plan_id)

    with town.registry.connect() as connection:
        before, after = (declarations.at(connection, each) for each in (founded, SystemClock().now()))

    assert before is not None
    assert after is not None
    assert (before.digest, after.digest) == (plan.base_digest, made.digest)
    old = of_archive(project.load(town.root), digest=before.digest, sha256=before.object)
    assert [rule.severity for rule in old.rules] == [2]


def test_the_doctor_says_whether_the_folder_differs(town: Town) -> None:
    def found() -> tuple[str, str]:
        checks = {each.id: each for each in examine(project.load(town.root), clock=SystemClock())}
        return checks["in_force"].state, checks["in_force"].fix[1]

    assert found() == ("ok", "")
    town.sync()
    assert found() == ("ok", "")
    town.edit(RULE, "severity = 2", "severity = 1")
    state, fix = found()
    assert state == "warn"
    assert "renkei plan" in fix


# a look at a run ---------------------------------------------------------------------------------


def test_a_look_at_a_run_remembers_what_its_connector_does(town: Town) -> None:
    shelf = town.root / "connectors" / "shelf.py"
    asks = '        assert (self.workdir / "rows.known").exists()\n        start ='
    shelf.write_text(shelf.read_text("utf-8").replace("        start =", asks), "utf-8")
    town.edit(Path("renkei.toml"), TWO_PEOPLE, NOBODY)
    kept = town.root / "var" / "work" / "town.person"
    kept.mkdir(parents=True)
    (kept / "rows.known").write_text("1", "utf-8")

    assert workflow.plan(project.load(town.root), "town.person", as_of=DAY).changes == 10

    (kept / "rows.known").unlink()
    with pytest.raises(AssertionError):
        workflow.plan(project.load(town.root), "town.person", as_of=DAY)


def test_a_source_that_a_pull_moves_is_not_looked_at(town: Town) -> None:
    shelf = town.root / "connectors" / "shelf.py"
    shelf.write_text(
        shelf.read_text("utf-8").replace("class Shelf:", "class Shelf:\n    advances = True"), "utf-8"
    )

    with pytest.raises(FixDeclaration) as refused:
        workflow.plan(project.load(town.root), "town.person", as_of=DAY)

    assert refused.value.code == "E_PLAN_ADVANCES"
