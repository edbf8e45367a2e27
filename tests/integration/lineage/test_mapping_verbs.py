"""``renkei mapping test``, ``diff`` and ``try`` on a whole project."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from renkei.cli import main
from renkei.landing import Landing
from renkei.project import Project

TITLE = "昭和の最後の日"


def edit(draft: Path, file: str, old: str, new: str) -> None:
    place = draft / "mappings" / file
    text = place.read_text("utf-8")
    assert old in text
    place.write_text(text.replace(old, new, 1), "utf-8")


def ask(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    assert main([*words, "--json"]) == code
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


# test --------------------------------------------------------------------------------------------


def test_the_citys_own_examples_pass(capsys: pytest.CaptureFixture[str]) -> None:
    told = ask(capsys, "mapping", "test")

    assert (told["schema"], told["file"]) == ("renkei.mapping-test/1", None)
    assert len(told["examples"]) > 8
    assert all(each["passed"] for each in told["examples"])


def test_an_example_that_no_longer_holds_fails_and_says_what_was_found(
    draft: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(draft, "tax.toml", "date_of_birth = 1989-01-07", "date_of_birth = 1989-01-08")

    told = ask(capsys, "mapping", "test", "tax.taxpayer", code=1)

    [failed] = [each for each in told["examples"] if not each["passed"]]
    assert failed["title"] == TITLE
    assert failed["misses"] == [{"column": "date_of_birth", "expected": "1989-01-08", "found": "1989-01-07"}]
    assert main(["mapping", "test", "tax.taxpayer"]) == 1
    assert "1989-01-07" in capsys.readouterr().out


def test_a_file_is_read_as_a_run_would_and_nothing_is_written(
    project: Project, engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    query = "SELECT sha256, records, rejected FROM delivery JOIN unit USING (delivery_id) WHERE delivery.feed = 'juki.resident'"
    counts = "SELECT (SELECT count(*) FROM delivery), (SELECT count(*) FROM unit), (SELECT count(*) FROM audit_event)"
    with engine.connect() as connection:
        sha256, records, rejected = connection.execute(sa.text(query)).one()
        before = connection.execute(sa.text(counts)).one()
    file = str(Landing(project.var / "landing").path(sha256))

    told = ask(capsys, "mapping", "test", "juki.resident", "--file", file)["file"]

    assert (told["records"], told["records"] - told["mapped"], told["held"]) == (records, rejected, None)
    assert [each["holds"] for each in told["expectations"]] == [True, True]
    assert main(["mapping", "test", "juki.resident", "--file", file]) == 0
    assert main(["mapping", "test", "--file", file]) == 3
    with engine.connect() as connection:
        assert connection.execute(sa.text(counts)).one() == before


def test_a_file_of_an_odd_size_is_told_as_held(
    draft: Path, project: Project, engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(draft, "juki.toml", "[[feed.field]]", "[feed.size]\nleast = 1_000_000\n\n[[feed.field]]")
    query = "SELECT sha256 FROM delivery WHERE feed = 'juki.resident'"
    with engine.connect() as connection:
        sha256 = connection.execute(sa.text(query)).scalars().first()
    file = str(Landing(project.var / "landing").path(str(sha256)))

    told = ask(capsys, "mapping", "test", "juki.resident", "--file", file, code=1)["file"]

    assert told["held"] == "E_SIZE"


# diff --------------------------------------------------------------------------------------------


def test_a_draft_is_compared_with_what_is_in_force(draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert all(not each["changes"] for each in ask(capsys, "mapping", "diff")["feeds"])
    edit(draft, "juki.toml", "max = 80", "max = 90")

    [feed] = ask(capsys, "mapping", "diff", "juki.resident")["feeds"]

    [change] = feed["changes"]
    assert (change["part"], change["name"], change["detail"]) == ("field", "full_name", "max")
    assert (change["was"], change["now"], change["since"]) == ("80", "90", None)
    assert main(["mapping", "diff"]) == 0
    said = capsys.readouterr().out
    assert "field full_name, max changed: 80 → 90" in said
    assert "tax.taxpayer: no difference" in said


def test_a_feed_that_is_gone_from_the_draft_is_told(draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (draft / "mappings" / "welfare.toml").unlink()

    feeds = {each["feed"]: each["changes"] for each in ask(capsys, "mapping", "diff")["feeds"]}

    assert [each["kind"] for each in feeds["welfare.recipient"]] == ["removed"]
    assert main(["mapping", "diff", "welfare.nothing"]) == 3


def test_a_second_day_without_a_first_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mapping", "diff", "--to", "2027-04-01"]) == 3
    assert "--from" in capsys.readouterr().err


def test_two_days_of_a_mapping_are_compared(draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = draft / "mappings" / "codes" / "sex_digit.toml"
    place.write_text(
        place.read_text("utf-8") + '\n[[codes]]\ncode = "8"\nto = "9"\nvalid_from = 2027-04-01\n', "utf-8"
    )

    told = ask(capsys, "mapping", "diff", "juki.resident", "--from", "2027-03-31", "--to", "2027-04-01")
    same = ask(capsys, "mapping", "diff", "juki.resident", "--from", "2027-03-30", "--to", "2027-03-31")

    assert [each["en"] for each in told["feeds"][0]["changes"]] == ["code sex_digit.8 added: = 9"]
    assert same["feeds"][0]["changes"] == []


# try ---------------------------------------------------------------------------------------------


def test_steps_are_tried_on_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    told = ask(capsys, "mapping", "try", '["trim", { wareki = "TEXT" }]', "昭和64年1月7日")

    assert [each["step"] for each in told["stages"]] == ["trim", '{ wareki = "TEXT" }']
    assert told["value"]["date"] == "1989-01-07"


def test_a_text_that_the_steps_refuse_ends_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    told = ask(capsys, "mapping", "try", '{ wareki = "TEXT" }', "昭和64年1月8日", code=1)

    assert (told["refused"], told["value"]) == ("E_IMPOSSIBLE_DATE", None)
    assert main(["mapping", "try", "trim", " a"]) == 0
    assert re.search(r"→ trim\s+ a", capsys.readouterr().out)


@pytest.mark.parametrize(
    "steps",
    ["trin", "{", '{ code = "nonesuch" }', "pad", '["integer", "trim"]', "[]", "7", '{ place = { municipality = "x" } }',
     '{ wareki = "TEXT", overun = "by_rule" }'],
)  # fmt: skip
def test_what_no_mapping_could_say_is_refused(steps: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mapping", "try", steps, "x"]) == 3
    assert "E_UNEXPECTED" not in capsys.readouterr().err
