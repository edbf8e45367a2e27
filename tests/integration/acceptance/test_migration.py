"""A migration is accepted when it is right, refused for every kind of fault, and its report cannot be changed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Throwaway
from tests.integration.acceptance.moving import (
    DAY,
    DECLARED,
    TERMS,
    TOLERANCE,
    Town,
    build,
    moved,
    old_people,
)

import renkei_verify as verifier
from renkei import project
from renkei.acceptance.declared import problems_of
from renkei.acceptance.report import WORDS
from renkei.cli import main
from renkei.errors import FixDeclaration, TryAgain
from renkei.landing import digest_of
from renkei.report.labels import label
from renkei.workflow.in_force import load_all
from renkei.workflow.migration import MigrationResult, check_migration

FAULTY = DAY + timedelta(days=1)


@pytest.fixture(scope="module")
def town(cluster: Throwaway) -> Iterator[Town]:
    """Moved rightly on the first day; on the second the new system holds faults of every kind."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    cluster.create_database(name, template="renkei_template")
    root = Path(tempfile.mkdtemp(prefix="moving-")) / "city"
    root.parent.chmod(0o755)
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RENKEI_DATABASE_URL", cluster.url(name))
        patch.setenv("RENKEI_PROJECT", str(root))
        patch.setenv("RENKEI_LANG", "en")
        patch.delenv("RENKEI_VAR", raising=False)
        made = build(root)
        made.declare("residents")
        made.declare("tolerant", more=TOLERANCE.format(most=1))
        made.deliver("old", old_people())
        made.deliver("new", moved(old_people()))
        made.deliver("old", [*old_people(), ODD], as_of=FAULTY)
        made.deliver("new", faulty(), as_of=FAULTY)
        yield made
    cluster.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    shutil.rmtree(root.parent)


#: A code that no table has, and that both systems write alike: it is no agreement.
ODD = {
    "no": "21", "name": "葛原　太郎", "born": "S250101", "sex": "X", "address": "本町", "house": "7", "memo": "T01",
    "mark": "none",
}  # fmt: skip


def faulty() -> list[dict[str, str]]:
    rows = moved(old_people())
    rows[0]["name"] = "葛原　〓1"
    rows[1]["born"] = "1951-03-01"
    rows[2]["sex"] = "2" if rows[2]["sex"] == "1" else "1"
    rows[3]["address"] = rows[3]["address"][:-2]
    rows[4]["house"] = ""
    rows[5]["born"] = "1989-02-02"
    del rows[9]
    odd = {**ODD, "no": "000021", "born": "1950-01-01", "memo": ""}
    return [*rows, odd, {**rows[0], "no": "000099", "name": "葛原　増子"}]


def run(town: Town, name: str = "residents", **more: Any) -> MigrationResult:
    return check_migration(project.load(town.root), name, **{"as_of": DAY, **TERMS, **more})


def report_of(made: MigrationResult) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((made.folder / "report.json").read_text("utf-8"))
    return told


@pytest.fixture(scope="module")
def early(town: Town) -> MigrationResult:
    return run(town)


@pytest.fixture(scope="module")
def late(town: Town) -> MigrationResult:
    return run(town, as_of=FAULTY)


def test_a_right_move_is_accepted(early: MigrationResult) -> None:
    made = early

    assert (made.checked.verdict, made.checked.breaches) == ("accepted", ())
    assert (made.checked.counts.both, made.checked.counts.equal) == (20, 20)
    assert made.checked.counts.is_equal


def test_every_fault_is_found_by_its_kind(late: MigrationResult) -> None:
    found = late.checked

    causes = {each.name: dict(each.causes) for each in found.fields if each.differing}
    assert causes == {
        "full_name": {"lost_character": 1},
        "date_of_birth": {"next_day": 1, "other_year": 1},
        "sex": {"unread": 1, "other": 1},
        "address": {"cut": 1},
        "household_number": {"new_empty": 1},
    }
    assert {(each.of, each.field): each.found for each in found.breaches} == {
        ("missing_in_new", None): 1, ("missing_in_old", None): 1,
        ("cells", "full_name"): 1, ("cells", "date_of_birth"): 2, ("cells", "sex"): 2, ("cells", "address"): 1,
        ("cells", "household_number"): 1,
    }  # fmt: skip
    assert found.verdict == "refused"


def test_a_tolerance_lets_through_what_it_names_and_no_more(town: Town) -> None:
    found = run(town, "tolerant", as_of=FAULTY).checked

    assert ("cells", "address") not in {(each.of, each.field) for each in found.breaches}
    assert len(found.breaches) == 6


def test_a_column_that_nobody_spoke_of_is_refused(town: Town) -> None:
    town.declare("silent", DECLARED.replace('columns = ["terminal"]', 'columns = ["operator"]'))

    found = run(town, "silent").checked

    assert found.unspoken == {"old": ("terminal",), "new": ()}
    assert [each.of for each in found.breaches] == ["unspoken_old"]


def test_values_are_masked_and_a_purpose_shows_only_who_may_be_shown(
    town: Town, late: MigrationResult
) -> None:
    masked = report_of(late)
    text = (late.folder / "report.json").read_text("utf-8") + (late.folder / "report.html").read_text("utf-8")

    assert "葛原　" not in text
    assert "000001" not in text
    assert {each["is_shown"] for each in masked["samples"]} == {False}
    lost = next(each for each in masked["samples"] if each["cause"] == "lost_character")
    assert lost["new"] == "漢漢　〓9"

    clear = report_of(run(town, as_of=FAULTY, out=town.root / "var" / "clear", purpose="移行検証"))

    by_cause = {(each["field"], each["cause"]): each for each in clear["samples"]}
    assert by_cause["full_name", "lost_character"]["new"] == "葛原　〓1"
    hidden = by_cause["household_number", "new_empty"]
    assert (hidden["is_shown"], hidden["key"], hidden["old"]) == (False, ["999999"], "9")


def test_the_page_shows_each_cause_with_its_count_and_its_samples_and_where_to_sign(
    town: Town, late: MigrationResult
) -> None:
    page = (late.folder / "report.html").read_text("utf-8")
    samples = report_of(late)["samples"]

    assert [each["number"] for each in samples] == list(range(1, len(samples) + 1))
    fields = ["full_name", "date_of_birth", "date_of_birth", "sex", "sex", "address", "household_number"]
    assert [each["field"] for each in samples] == [*fields, None, None]
    for field in report_of(late)["fields"]:
        for cause, found in field["causes"].items():
            words = " / ".join(WORDS[cause])
            row = f'<th scope="row">{words}</th><td>{label("field", field["name"])} {field["name"]}</td><td>{found}</td>'
            assert row in page
    assert "一日ずれている / one day off" in page
    assert "The move of the residents" in page
    assert "検収者 / accepted by" in page
    assert "文字の形だけ" in page

    clear = run(town, as_of=FAULTY, out=town.root / "var" / "again", purpose="移行検証")

    # the sixth shares a household with the seventh, who is protected
    keys = ["000001", "000006", "000002", "000021", "000003", "999999", "999999", "000010", "000099"]
    assert [" ".join(each["key"]) for each in report_of(clear)["samples"]] == keys
    assert [each["cause"] for each in report_of(clear)["samples"]] == [each["cause"] for each in samples]


def test_feeds_without_a_state_give_no_verdict(town: Town) -> None:
    with pytest.raises(TryAgain, match="E_MIGRATION_NO_STATE"):
        run(town, as_of=DAY - timedelta(days=1))


def test_the_state_of_an_earlier_day_is_compared_as_it_was(
    early: MigrationResult, late: MigrationResult
) -> None:
    assert (early.checked.old.as_of, late.checked.old.as_of) == (DAY, FAULTY)
    assert early.checked.old.sha256 != late.checked.old.sha256


def test_the_report_says_what_was_compared_by_what(early: MigrationResult) -> None:
    made = early
    told = report_of(made)

    assert told["old"]["snapshot"] == made.checked.old.sha256
    assert told["declaration_digest"] == made.checked.migration.digest
    assert (made.folder / "declaration.toml").read_text("utf-8") == DECLARED
    assert "合格 / accepted" in (made.folder / "report.html").read_text("utf-8")
    assert {oct(place.stat().st_mode & 0o777) for place in made.folder.iterdir()} == {"0o600"}


def test_a_kill_before_a_report_is_published_leaves_none_and_the_next_one_is_whole(
    town: Town, tmp_path: Path
) -> None:
    place = tmp_path / "report"
    words = ["migration", "check", "residents", "--as-of", str(DAY), "--out", str(place)]
    environment = {**os.environ, "RENKEI_FAILPOINTS": "migration.rendered=kill9"}

    killed = subprocess.run([sys.executable, "-m", "renkei.cli", *words], env=environment, check=False)

    assert killed.returncode == -9
    assert not place.exists()
    assert run(town, out=place).folder == place


def test_the_command_tells_the_verdict_by_its_code(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migration", "check", "residents", "--as-of", str(DAY), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["verdict"], told["counts"]["equal"]) == (
        "renkei.migration/1",
        "accepted",
        20,
    )

    assert main(["migration", "check", "residents", "--as-of", str(FAULTY)]) == 1
    said = capsys.readouterr()
    assert "refused" in said.err
    assert "not in the new system" in said.out

    assert main(["migration", "check", "nobody"]) == 3
    assert main(["migration", "check", "residents", "--reveal"]) == 4


def test_a_report_is_proved_by_the_trail(late: MigrationResult, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migration", "verify", str(late.folder), "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["result"], told["findings"]) == ("proven", [])


@pytest.mark.parametrize("kind", ["changed", "changed with its sums", "added", "missing"])
def test_a_report_changed_afterwards_is_refused(
    town: Town, late: MigrationResult, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(late.folder, folder)
    told = folder / "report.json"
    before = digest_of(told)
    if kind.startswith("changed"):
        told.write_text(told.read_text("utf-8").replace('"refused"', '"accepted"'), "utf-8")
    if kind == "changed with its sums":
        sums = folder / "SHA256SUMS"
        sums.write_text(sums.read_text("utf-8").replace(before, digest_of(told)), "utf-8")
    if kind == "added":
        (folder / "note.txt").write_text("x", "utf-8")
    if kind == "missing":
        told.unlink()

    found = verified(town, folder, capsys)

    expected = "report_unknown" if kind == "changed with its sums" else "report_changed"
    assert ([each["code"] for each in found["findings"]], found["exit_code"]) == ([expected], 1)


def verified(town: Town, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the separate verifier says of a report, called as an auditor would."""
    here = project.load(town.root)
    capsys.readouterr()
    witnesses = ["--witness", *map(str, here.witnesses)]
    verifier.main(
        ["--json", "--public-key", str(here.var / "keys" / "audit.pub"), "--report", str(folder), *witnesses]
    )
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'new = "new.person"',
            'new = "neu.person"',
            "a feed of this city, found neu.person (nearest: new.person)",
        ),
        ('old = "address"', 'old = "adress"', "a column of old.person, found adress (nearest: address)"),
        ('{ code = "sex_of_old" }', '{ code = "sex_of_odd" }', "a table in codes/, found sex_of_odd"),
        ('columns = ["terminal"]', 'columns = ["sex"]', "a column that is not compared, found sex"),
        ("[{ pad = 6 }]", "[{ pat = 6 }]", "a step on a text, found pat"),
        ('title = "住民', 'titel = "住民', "titel"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_line(town: Town, old: str, new: str, said: str) -> None:
    assert old in DECLARED
    town.declare("wrong", DECLARED.replace(old, new, 1))

    with pytest.raises(FixDeclaration, match="E_DECLARATION") as refused:
        run(town, "wrong")

    assert said in str(refused.value.facts["problems"])
    assert any(said in problem for problem in problems_of(project.load(town.root)))
    with pytest.raises(FixDeclaration) as kept_out:  # nor is it put in force
        load_all(project.load(town.root))
    assert said in str(kept_out.value.facts["problems"])
    (town.root / "reconciliation" / "migrations" / "wrong.toml").unlink()
