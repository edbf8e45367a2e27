"""``renkei how`` and ``renkei mapping explain`` on the small city: what they say, and whom they never show."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.city import DAY

from renkei.cli import main
from renkei.clock import SystemClock
from renkei.landing import Landing
from renkei.lineage import guard
from renkei.project import Project
from renkei.records import GOLDEN
from renkei.views import RESTRICTED
from renkei.workflow import lineage

ORIGIN = {
    "record": "record_id feed source_key source_version known_from known_to",
    "unit": "unit_id part as_of done_at",
    "delivery": "delivery_id name sha256 received_at rec_no line byte_offset byte_length",
    "mapping": "digest file version_from author approved_by",
    "run": "run_id kind actor trigger project_digest code_version",
}


def one(engine: sa.Engine, query: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(sa.text(f"WITH {RESTRICTED} {query}")).scalars().first()


SHOWN = """
    SELECT g.resident_id FROM golden_version g
    WHERE g.known_to IS NULL AND g.resident_id NOT IN (SELECT resident_id FROM restricted)
      AND g.full_name_kana IS NOT NULL AND g.name_record IS NOT NULL
    ORDER BY g.resident_id
"""
HIDDEN = "SELECT resident_id FROM restricted ORDER BY resident_id"


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def field_of(told: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in told["fields"] if each["field"] == name)
    return found


def test_a_value_is_traced_to_its_bytes_and_proved(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    resident = one(engine, SHOWN)

    told = ask(capsys, "how", str(resident), "--field", "full_name")

    [name] = told["fields"]
    assert (told["schema"], told["resident_id"], name["state"]) == ("renkei.how/1", resident, "proved")
    assert {part: " ".join(facts) for part, facts in name["origin"].items()} == ORIGIN
    assert name["origin"]["run"]["actor"] == "tester"
    assert name["origin"]["mapping"]["file"].endswith(".toml")


def test_every_field_of_the_golden_record_is_told(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ask(capsys, "how", str(one(engine, SHOWN)))

    assert {each["field"] for each in told["fields"]} == {name for group in GOLDEN.values() for name in group}


def test_a_record_of_a_resident_names_the_resident(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    resident = one(engine, SHOWN)
    records = f"SELECT feed || ':' || source_key FROM open_link WHERE resident_id = {resident}"

    assert ask(capsys, "how", one(engine, records)) == ask(capsys, "how", str(resident))


def test_steps_show_how_a_date_came_about(engine: sa.Engine, capsys: pytest.CaptureFixture[str]) -> None:
    query = SHOWN.replace("full_name_kana", "date_of_birth_lo")
    told = ask(capsys, "how", str(one(engine, query)), "--field", "date_of_birth_lo")

    [birth] = told["fields"]
    assert birth["state"] == "proved"
    assert birth["raw"]
    assert "99999999" in str(birth["raw"])
    assert birth["steps"]


def test_values_are_shapes_until_a_purpose_is_given_and_written_down(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    resident = one(engine, SHOWN)
    name = one(
        engine, f"SELECT full_name FROM golden_version WHERE resident_id = {resident} AND known_to IS NULL"
    )
    veiled = json.dumps(ask(capsys, "how", str(resident)), ensure_ascii=False)
    assert main(["how", str(resident)]) == 0
    veiled += capsys.readouterr().out

    told = ask(capsys, "how", str(resident), "--reveal", "--purpose", "窓口の照会")

    assert name not in veiled
    assert field_of(told, "full_name")["value"] == name
    body = json.loads(one(engine, "SELECT body FROM audit_event ORDER BY event_id DESC LIMIT 1"))
    assert (body["action"], body["object"]) == ("personal.revealed", f"resident:{resident}")
    assert body["detail"]["purpose"] == "窓口の照会"
    assert name not in json.dumps(body, ensure_ascii=False)


def test_revealing_without_a_purpose_is_refused(engine: sa.Engine) -> None:
    assert main(["how", str(one(engine, SHOWN)), "--reveal"]) == 4


def test_a_restricted_person_is_as_if_there_were_none(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden, answers = one(engine, HIDDEN), set()
    record = one(engine, f"SELECT feed || ':' || source_key FROM open_link WHERE resident_id = {hidden}")
    for resident in (str(hidden), "999999999", record, "juki.resident:nobody"):
        code = main(["how", resident, "--reveal", "--purpose", "窓口"])
        said = capsys.readouterr()
        answers.add((code, said.out, said.err.replace(resident, "X")))

    assert len(answers) == 1


def test_a_mark_that_lands_while_the_answer_is_made_withholds_it(
    engine: sa.Engine, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """支援措置 comes while the landed bytes are read: whoever asked is told as if there were nobody."""
    resident, trace, landed = one(engine, SHOWN), lineage.trace, []

    def meanwhile(*words: Any, **more: Any) -> Any:
        with engine.begin() as connection:
            landed.append(connection.execute(sa.text(MARK), {"resident": resident}).scalar_one())
        return trace(*words, **more)

    assert lineage.how(project, engine, resident) is not None
    monkeypatch.setattr(lineage, "trace", meanwhile)
    try:
        assert lineage.how(project, engine, resident, clear=True) is None
        assert landed
    finally:
        with engine.begin() as connection:
            gone = "DELETE FROM protection WHERE protection_id = ANY(:landed)"
            connection.execute(sa.text(gone), {"landed": landed})


MARK = """
    INSERT INTO protection (feed, source_key, home_id, record_id, known_from, unit_id)
    SELECT feed, source_key, home_id, 1, now(), 1 FROM open_link WHERE resident_id = :resident LIMIT 1
    RETURNING protection_id
"""


def test_what_was_known_before_the_first_night_is_nothing(engine: sa.Engine) -> None:
    resident, before = str(one(engine, SHOWN)), SystemClock().now() - timedelta(days=3650)

    assert main(["how", resident, "--known-at", before.isoformat()]) == 3
    assert main(["how", resident, "--known-at", SystemClock().now().isoformat()]) == 0
    assert main(["how", resident, "--as-of", "1700-01-01"]) == 3
    assert main(["how", resident, "--as-of", DAY.isoformat(), "--field", "ful_name"]) == 3


def test_a_value_that_differs_ends_with_an_error_code(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    resident = one(engine, SHOWN)
    change = sa.text(
        "UPDATE golden_version SET full_name = :name WHERE resident_id = :r AND known_to IS NULL"
    )
    name = one(
        engine, f"SELECT full_name FROM golden_version WHERE resident_id = {resident} AND known_to IS NULL"
    )
    with engine.begin() as connection:
        connection.execute(change, {"name": "X", "r": resident})
    try:
        code = main(["how", str(resident), "--field", "full_name", "--json"])
        told = json.loads(capsys.readouterr().out)
        assert main(["how", str(resident), "--field", "full_name"]) == 2
    finally:
        with engine.begin() as connection:
            connection.execute(change, {"name": name, "r": resident})

    assert (code, told["fields"][0]["state"], told["fields"][0]["reason"]) == (2, "differs", "golden")
    assert "differs" in capsys.readouterr().out


def test_a_version_that_holds_what_is_now_a_restricted_persons_is_not_told(engine: sa.Engine) -> None:
    """Two records that were one person's, and are no longer: the old version still has the other's name."""
    resident, hidden = one(engine, SHOWN), one(engine, HIDDEN)
    record = one(
        engine,
        f"""SELECT name_record FROM golden_version
            WHERE resident_id = {resident} AND known_to IS NULL""",
    )
    move = sa.text("""
        UPDATE link SET resident_id = :to WHERE known_to IS NULL
          AND (feed, source_key) IN (SELECT feed, source_key FROM person_record WHERE record_id = :record)
    """)
    with engine.begin() as connection:
        connection.execute(move, {"to": hidden, "record": record})
    try:
        with engine.connect() as connection:
            assert guard.of_resident(connection, resident)  # the resident is nobody to be hidden
        code = main(["how", str(resident), "--known-at", SystemClock().now().isoformat()])
    finally:
        with engine.begin() as connection:
            connection.execute(move, {"to": resident, "record": record})

    assert code == 3
    assert main(["how", str(resident)]) == 0


def test_a_damaged_object_lowers_no_class(
    engine: sa.Engine, project: Project, draft: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The class that a mapping raised holds too where no version of it can be told from the bytes."""
    resident = one(engine, SHOWN)
    told = field_of(ask(capsys, "how", str(resident)), "full_name")
    feed, sha256 = told["origin"]["record"]["feed"], told["origin"]["delivery"]["sha256"]
    place = draft / "mappings" / f"{feed.partition('.')[0]}.toml"
    text = place.read_text("utf-8")
    place.write_text(text.replace('to = "full_name"', 'to = "full_name"\nsensitivity = "guarded"'), "utf-8")
    landed = Landing(project.var / "landing").path(sha256)
    landed.rename(landed.with_suffix(".away"))
    try:
        code = main(["how", str(resident), "--field", "full_name", "--json"])
        answer = json.loads(capsys.readouterr().out)
    finally:
        landed.with_suffix(".away").rename(landed)

    assert (code, answer["fields"][0]["reason"], answer["fields"][0]["value"]) == (2, "bytes", "●●●")


# explain -----------------------------------------------------------------------------------------

KEY = """
    SELECT p.source_key FROM person_record p JOIN link l USING (feed, source_key)
    WHERE p.feed = '{feed}' AND p.known_to IS NULL AND l.known_to IS NULL
      AND l.resident_id {which} (SELECT resident_id FROM restricted)
    ORDER BY 1
"""


@pytest.mark.parametrize("feed", ["juki.resident", "tax.taxpayer", "welfare.recipient"])
def test_a_record_is_explained_from_its_raw_columns_to_its_targets(
    engine: sa.Engine, project: Project, capsys: pytest.CaptureFixture[str], feed: str
) -> None:
    key = one(engine, KEY.format(feed=feed, which="NOT IN"))

    veiled = ask(capsys, "mapping", "explain", f"{feed}/{key}")
    told = ask(capsys, "mapping", "explain", f"{feed}/{key}", "--reveal", "--purpose", "確認")

    assert key not in json.dumps(veiled)
    assert [each["to"] for each in told["fields"]] == [rule.to for rule in project.mapping(feed).fields]
    by_name = {each["to"]: each for each in told["fields"]}
    assert by_name["source_key"]["value"] == key
    assert (told["refused"], told["mapping_is_used"], told["revealed"]) == (None, True, True)
    same = ask(capsys, "mapping", "explain", f"delivery:{told['delivery_id']}#{told['rec_no']}")
    assert same["fields"] == veiled["fields"]


def test_only_a_format_with_lines_tells_the_line(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {}
    for feed in ("juki.resident", "tax.taxpayer", "welfare.recipient"):
        told = ask(
            capsys, "mapping", "explain", f"{feed}/{one(engine, KEY.format(feed=feed, which='NOT IN'))}"
        )
        places[feed] = (told["line"] is not None, told["byte_offset"] is not None)

    assert places["juki.resident"] == (False, False)
    assert places["tax.taxpayer"] == (False, True)


@pytest.mark.parametrize("feed", ["tax.assessment", "welfare.benefit"])
def test_a_restricted_persons_record_is_not_explained(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str], feed: str
) -> None:
    table = {"tax.assessment": "tax_record", "welfare.benefit": "benefit_record"}[feed]
    query = """
        SELECT t.source_key FROM {table} t
        JOIN link l ON l.source_key = t.person_key AND split_part(l.feed, '.', 1) = split_part(t.feed, '.', 1)
        WHERE l.known_to IS NULL AND t.known_to IS NULL
          AND l.resident_id {which} (SELECT resident_id FROM restricted)
    """
    hidden, shown = (one(engine, query.format(table=table, which=which)) for which in ("IN", "NOT IN"))
    assert hidden

    assert main(["mapping", "explain", f"{feed}/{shown}"]) == 0
    assert main(["mapping", "explain", f"{feed}/{hidden}", "--reveal", "--purpose", "確認"]) == 3
    assert (
        main(
            [
                "mapping",
                "explain",
                f"juki.resident/{one(engine, KEY.format(feed='juki.resident', which='IN'))}",
            ]
        )
        == 3
    )


def test_a_record_of_nobody_stays_veiled(engine: sa.Engine, capsys: pytest.CaptureFixture[str]) -> None:
    feed = "tax.taxpayer"
    key = one(engine, KEY.format(feed=feed, which="NOT IN"))
    close = "UPDATE link SET known_to = {to} WHERE feed = :feed AND source_key = :key"
    with engine.begin() as connection:
        connection.execute(sa.text(close.format(to="known_from")), {"feed": feed, "key": key})
    try:
        told = ask(capsys, "mapping", "explain", f"{feed}/{key}", "--reveal", "--purpose", "確認")
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text(close.format(to="NULL")), {"feed": feed, "key": key})

    assert told["revealed"] is False
    assert key not in json.dumps(told)


def test_explaining_for_people_names_steps_and_place(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    key = one(engine, KEY.format(feed="tax.taxpayer", which="NOT IN"))

    assert main(["mapping", "explain", f"tax.taxpayer/{key}"]) == 0

    said = capsys.readouterr().out
    assert "wareki" in said
    assert "delivery:" in said
    assert key not in said


# explain, by a draft ------------------------------------------------------------------------------


def edit(draft: Path, file: str, old: str, new: str) -> None:
    place = draft / "mappings" / file
    text = place.read_text("utf-8")
    assert old in text
    place.write_text(text.replace(old, new, 1), "utf-8")


def test_a_draft_cannot_take_a_record_from_its_restricted_owner(engine: sa.Engine, draft: Path) -> None:
    hidden = f"juki.resident/{one(engine, KEY.format(feed='juki.resident', which='IN'))}"
    shown = f"juki.resident/{one(engine, KEY.format(feed='juki.resident', which='NOT IN'))}"

    edit(
        draft,
        "juki.toml",
        'from = "atena_no"\nsteps = ["trim", { check_digit = "atena" }]',
        'from = "setai_no"',
    )

    assert main(["mapping", "explain", shown]) == 0
    assert main(["mapping", "explain", hidden]) == 3
    assert main(["mapping", "explain", hidden, "--reveal", "--purpose", "確認"]) == 3


def test_a_draft_cannot_show_in_clear_what_the_text_in_force_holds_back(
    engine: sa.Engine, draft: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = one(engine, KEY.format(feed="juki.resident", which="NOT IN"))
    asked = ("mapping", "explain", f"juki.resident/{key}")
    name = next(
        each["value"]
        for each in ask(capsys, *asked, "--reveal", "--purpose", "確認")["fields"]
        if each["to"] == "full_name"
    )
    place = draft / "mappings" / "juki.toml"
    fields = place.read_text("utf-8").split("[[feed.field]]")
    kept = [each for each in fields if '"shimei"' not in each]  # nothing personal reads the column any more
    plain = '\nto = "relationship"\nfrom = "shimei"\n\n'
    kept = [plain if 'to = "relationship"' in each else each for each in kept]
    text = "[[feed.field]]".join(kept)
    place.write_text(re.sub(r"(?ms)^\[\[feed\.(expect|example)\]\].*?(?=^\[\[|\Z)", "", text), "utf-8")

    told = ask(capsys, *asked)

    assert name not in json.dumps(told, ensure_ascii=False)
    assert "relationship" in [each["to"] for each in told["fields"]]
    assert field_named(told, "sex")["value"] in ("1", "2")  # what the draft leaves as it was stays in clear


def field_named(told: dict[str, Any], target: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in told["fields"] if each["to"] == target)
    return found


def test_a_restricted_persons_tax_record_is_not_explained_when_it_is_set_aside(
    engine: sa.Engine, draft: Path
) -> None:
    """Neither with the text of the time nor without it: the person is read from what could be read."""
    query = """
        SELECT t.source_key FROM tax_record t
        JOIN link l ON l.source_key = t.person_key AND split_part(l.feed, '.', 1) = split_part(t.feed, '.', 1)
        WHERE l.known_to IS NULL AND t.known_to IS NULL AND t.feed = 'tax.assessment'
          AND l.resident_id {which} (SELECT resident_id FROM restricted)
    """
    hidden, shown = (f"tax.assessment/{one(engine, query.format(which=each))}" for each in ("IN", "NOT IN"))
    operator = 'from = { name = "SOSA_ID", at = 212, bytes = 8 }\n'
    edit(draft, "tax.toml", operator, operator + "max = 1\n#")

    assert (main(["mapping", "explain", shown]), main(["mapping", "explain", hidden])) == (0, 3)

    swap = "UPDATE unit SET mapping_digest = {to} WHERE feed = 'tax.assessment'"
    digest = one(engine, "SELECT mapping_digest FROM unit WHERE feed = 'tax.assessment'")
    with engine.begin() as connection:
        connection.execute(sa.text(swap.format(to=f"'{'0' * 64}'")))
    try:
        assert (main(["mapping", "explain", shown]), main(["mapping", "explain", hidden])) == (0, 3)
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text(swap.format(to=f"'{digest}'")))


@pytest.mark.parametrize(
    "words",
    [
        ("how", "9999999999999999999"),
        ("how", "99999999999999999999"),
        ("how", "9" * 5000),
        ("how", "juki.resident:nobody"),
        ("how", "juki.resident:\x00"),
        ("how", "juki.resident"),
        ("resident", "show", "99999999999999999999"),
        ("why", "99999999999999999999", "juki.resident:nobody"),
        ("mapping", "explain", "delivery:99999999999999999999#1"),
        ("mapping", "explain", "delivery:1#99999999999999999999"),
        ("mapping", "explain", "delivery:1#٣"),
        ("mapping", "explain", "juki.resident/\x00"),
        ("mapping", "explain", "juki.resident"),
        ("mapping", "explain", "nonesuch/1"),
        ("how", "1", "--known-at", "0001-01-01T00:00:00+14:00"),
        ("lineage", "export", "--run", "%", "--out", "-"),
    ],
)
def test_a_name_that_nothing_has_is_told_as_not_found(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(words)) == 3
    assert "E_UNEXPECTED" not in capsys.readouterr().err
