"""What is set aside by cause: how old, what mends it, taken in again, and returned to its department."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.city import DAY
from tests.integration.workflow.conftest import RECORD, Desk, dated

from renkei.cli import main
from renkei.quarantine.causes import causes_in
from renkei.report import slip_pdf

NEXT, MONDAY, ONE = date(2026, 11, 21), date(2026, 11, 24), timedelta(days=1)
#: Where a record holds its sex, date of birth, relationship, state and event date, from 0.
SEX, BORN, KIN, STATE = slice(132, 133), slice(133, 140), slice(150, 152), slice(325, 326)
EVENT = slice(326, 333)


@pytest.fixture(autouse=True)
def speaks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENKEI_PROJECT", str(desk.root))
    monkeypatch.setenv("RENKEI_LANG", "ja")


def sound(desk: Desk) -> bytes:
    """The city's file without the codes and dates that the city itself plants."""
    made, known = bytearray(desk.original), known_codes(desk, "resident_status_digit")
    for start in range(RECORD, len(made) - RECORD, RECORD):
        if made[start + STATE.start : start + STATE.stop].decode() not in known:
            made[start + STATE.start : start + STATE.stop] = b"1"
        made[start + EVENT.start : start + EVENT.stop] = made[RECORD + EVENT.start : RECORD + EVENT.stop]
    return bytes(made)


def known_codes(desk: Desk, table: str) -> set[str]:
    declared = tomllib.loads((desk.root / "mappings" / "codes" / f"{table}.toml").read_text("utf-8"))
    return {row["code"] for row in declared["codes"]}


def planted(content: bytes, *cells: tuple[int, slice, bytes]) -> bytes:
    """The file with other bytes in some cells: record number, place, bytes."""
    made = bytearray(content)
    for number, place, new in cells:
        start = number * RECORD
        made[start + place.start : start + place.stop] = new
    return bytes(made)


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*words, "--json"]) in {0, 1, 75}
    told: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return told


def groups(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    told = ask(capsys, "rejects", "groups", "--feed", "tax.taxpayer")
    return {each["group"]: each for each in told["groups"]}


def add_code(desk: Desk, table: str, code: str, to: str) -> None:
    place = desk.root / "mappings" / "codes" / f"{table}.toml"
    place.write_text(f'{place.read_text("utf-8")}\n[[codes]]\ncode = "{code}"\nto = "{to}"\n', "utf-8")


UNKNOWN = "tax.taxpayer/JOTAI/E_UNKNOWN_CODE"


def test_unknown_codes_are_one_cause_with_their_values_and_the_file_that_mends_them(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.send("KJ_20261120.DAT", planted(sound(desk), (1, STATE, b"5"), (2, STATE, b"5"), (3, STATE, b"7")))
    desk.sync()

    found = groups(capsys)[UNKNOWN]

    assert (found["records"], found["department"]) == (3, "市民税課")
    assert found["values"] == [
        {"text": "5", "is_shape": False, "records": 2},
        {"text": "7", "is_shape": False, "records": 1},
    ]
    assert found["remedy"]["file"] == "mappings/codes/resident_status_digit.toml"
    assert 'code = "5"\nto =     # ' in found["suggested"]


def test_nothing_of_a_person_is_told_only_its_shape(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.send("KJ_20261120.DAT", planted(sound(desk), (1, BORN, b"5029931"), (2, KIN, "山".encode("cp932"))))
    desk.sync()

    found = groups(capsys)

    assert found["tax.taxpayer/SEINENGAPPI/E_IMPOSSIBLE_DATE"]["values"][0]["text"] == "9999999"
    assert found["tax.taxpayer/ZOKUGARA/E_UNKNOWN_CODE"]["values"] == [
        {"text": "漢", "is_shape": True, "records": 1}
    ]
    assert found["tax.taxpayer/ZOKUGARA/E_UNKNOWN_CODE"]["suggested"] is None
    said = json.dumps(found, ensure_ascii=False)
    assert all(value not in said for value in ("山", "5029931"))


def test_a_cause_is_as_old_as_the_first_delivery_that_had_it(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = planted(sound(desk), (1, STATE, b"5"), (2, SEX, b"7"))
    desk.send("KJ_20261120.DAT", bad)
    desk.sync()
    desk.send("KJ_20261124.DAT", dated(planted(bad, (2, SEX, b"1")), MONDAY))
    desk.sync(MONDAY)
    desk.send("KJ_20261125.DAT", dated(bad, MONDAY + ONE))
    desk.sync(MONDAY + ONE)

    with desk.registry.connect() as connection:
        told = {each.field: each for each in causes_in(connection, today=MONDAY + ONE, feed="tax.taxpayer")}

    # the 21st and 22nd are a weekend, the 23rd is a holiday
    assert (told["JOTAI"].first_as_of, told["JOTAI"].last_as_of, told["JOTAI"].age) == (DAY, MONDAY + ONE, 2)
    assert (told["SEIBETSU"].first_as_of, told["SEIBETSU"].age) == (MONDAY + ONE, 0)


def test_a_code_is_added_seen_in_a_dry_run_taken_in_and_its_cause_is_gone(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.send("KJ_20261120.DAT", planted(sound(desk), (1, STATE, b"5"), (2, STATE, b"5"), (3, SEX, b"7")))
    desk.sync()
    add_code(desk, "resident_status_digit", "5", "resident")
    people = desk.count("person_record", "known_to IS NULL")

    planned = ask(capsys, "rejects", "replay", "--group", UNKNOWN, "--dry-run", "--as-of", str(DAY))
    assert (planned["changes"], desk.count("reject", "state = 'open'")) == (2, 3)

    made = ask(capsys, "rejects", "replay", "--group", UNKNOWN, "--as-of", str(DAY))

    assert (made["merged"], made["rejects_open"]) == (2, 1)
    assert list(groups(capsys)) == ["tax.taxpayer/SEIBETSU/E_UNKNOWN_CODE"]
    assert desk.count("person_record", "known_to IS NULL") == people + 2
    told = ask(capsys, "rejects", "groups")
    assert told["standing"] == {"open": 1, "refed": 2, "overtaken": 0}


def test_all_feeds_are_fed_again_by_one_verb(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.send("KJ_20261120.DAT", planted(sound(desk), (1, STATE, b"5")))
    desk.sync()
    add_code(desk, "resident_status_digit", "5", "resident")

    made = ask(capsys, "rejects", "replay", "--all", "--as-of", str(DAY))

    assert (made["feed"], made["merged"]) == ("tax.taxpayer", 1)
    assert main(["rejects", "replay", "--all", "--as-of", str(DAY)]) == 0
    assert main(["rejects", "replay"]) == 3
    assert main(["rejects", "replay", "tax.taxpayer", "--all"]) == 3


def test_one_reject_says_where_its_bytes_are_and_what_mends_it(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.send("KJ_20261120.DAT", planted(sound(desk), (4, STATE, b"5")))
    desk.sync()
    [listed] = ask(capsys, "rejects", "list", "--group", UNKNOWN)["rejects"]

    told = ask(capsys, "rejects", "show", str(listed["reject_id"]))

    raw = told["raw"]
    assert (raw["offset"], raw["length"], raw["line"]) == (4 * RECORD, RECORD, None)
    kept = (desk.root / "var" / raw["object"]).read_bytes()
    assert kept[raw["offset"] :][STATE] == b"5"
    assert told["remedy"]["who"] == "codes"


def test_bytes_that_are_no_longer_what_came_are_not_shown_as_the_record(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.send("KJ_20261120.DAT", sound(desk))
    desk.sync()
    free, _ = shown_and_restricted(desk)
    desk.send("KJ_20261121.DAT", dated(planted(sound(desk), (free, STATE, b"5")), NEXT))
    desk.sync(NEXT)
    [listed] = ask(capsys, "rejects", "list", "--group", UNKNOWN)["rejects"]
    words = ["rejects", "show", str(listed["reject_id"]), "--reveal", "--purpose", "訂正の確認"]
    place = desk.root / "var" / ask(capsys, *words)["raw"]["object"]
    place.chmod(0o600)

    place.write_bytes(planted(place.read_bytes(), (free, STATE, b"7")))

    assert main(words) == 2
    told = capsys.readouterr()
    assert "E_OBJECT_DAMAGED" in told.err
    assert key_of(desk, free) not in told.out + told.err


def test_status_and_a_run_tell_what_remains_by_cause(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.send("KJ_20261120.DAT", planted(sound(desk), (1, STATE, b"5")))
    desk.sync()

    [told] = ask(capsys, "status")["rejects"]
    assert (told["field"], told["records"]) == ("JOTAI", 1)
    assert main(["rejects", "replay", "tax.taxpayer", "--as-of", str(DAY)]) in {0, 1}
    assert "renkei rejects groups --feed tax.taxpayer" in capsys.readouterr().err


# return slips -------------------------------------------------------------------------------------


def slip_of(told: dict[str, Any]) -> tuple[bytes, list[dict[str, str]], Path]:
    files = {Path(name).suffix: Path(name) for name in told["files"]}
    content = files[".csv"].read_bytes()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return content, rows, files[".pdf"]


def test_a_return_slip_ties_to_the_registry_and_is_for_a_spreadsheet_and_for_paper(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.send("KJ_20261120.DAT", planted(sound(desk), (1, STATE, b"5"), (2, STATE, b"5"), (3, SEX, b"7")))
    desk.sync()

    told = ask(capsys, "rejects", "slip", "tax.taxpayer", "--as-of", str(DAY))

    content, rows, pdf = slip_of(told)
    assert told["records"] == len(rows) == desk.count("reject", "state = 'open'") == 3
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n") == 4
    assert {row["項目"] for row in rows} == {"JOTAI", "SEIBETSU"}
    assert [row["バイト位置"] for row in rows][:2] == [str(RECORD), str(2 * RECORD)]
    assert {row["訂正期限"] for row in rows} == {"2026-11-30"}  # five office days, a holiday between
    assert {row["記載の番号"] for row in rows} == {"—"}
    assert pdf.read_bytes().startswith(b"%PDF-")
    sums = (pdf.parent / "SHA256SUMS").read_text("utf-8")
    assert hashlib.sha256(pdf.read_bytes()).hexdigest() in sums
    assert pdf.stat().st_mode & 0o077 == 0


def test_a_slip_shows_keys_for_a_recorded_purpose_only_and_never_a_restricted_persons(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.send("KJ_20261120.DAT", sound(desk))
    desk.sync()
    free, restricted = shown_and_restricted(desk)
    changed = planted(sound(desk), (free, STATE, b"5"), (restricted, STATE, b"5"))
    desk.send("KJ_20261121.DAT", dated(changed, NEXT))
    desk.sync(NEXT)
    reveals = "body LIKE '%personal.revealed%'"

    assert main(["rejects", "slip", "tax.taxpayer", "--purpose", " "]) == 4
    ask(capsys, "rejects", "slip", "tax.taxpayer", "--as-of", str(NEXT))
    assert desk.count("audit_event", reveals) == 0
    told = ask(capsys, "rejects", "slip", "tax.taxpayer", "--as-of", str(NEXT), "--purpose", "訂正の依頼")

    _, rows, _ = slip_of(told)
    keys = {int(row["件目"]): row["記載の番号"] for row in rows}
    assert keys == {free: key_of(desk, free), restricted: "閲覧制限"}
    assert (told["withheld"], desk.count("audit_event", reveals)) == (1, 1)
    assert desk.count("audit_event", f"body LIKE '%{key_of(desk, free)}%'") == 0


def test_a_kill_before_a_slip_is_published_leaves_none_and_the_next_one_is_whole(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.send("KJ_20261120.DAT", planted(sound(desk), (1, STATE, b"5")))
    desk.sync()
    words = ["rejects", "slip", "tax.taxpayer", "--as-of", str(DAY)]
    environment = {**os.environ, "RENKEI_FAILPOINTS": "slip.rendered=kill9"}

    killed = subprocess.run([sys.executable, "-m", "renkei.cli", *words], env=environment, check=False)

    assert killed.returncode == -9
    assert not list((desk.root / "var" / "reports").glob("slip-*"))
    assert ask(capsys, *words)["records"] == 1


def test_a_feed_without_rejects_has_no_slip(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.send("KJ_20261120.DAT", sound(desk))
    desk.sync()

    assert ask(capsys, "rejects", "slip", "tax.taxpayer", "--as-of", str(DAY))["files"] == []
    assert not list((desk.root / "var" / "reports").glob("slip-*"))


def test_a_slip_that_cannot_be_drawn_leaves_nothing_and_its_retry_asks_for_the_purpose_anew(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.send("KJ_20261120.DAT", planted(sound(desk), (1, STATE, b"5")))
    desk.sync()
    monkeypatch.setattr(slip_pdf, "FONTS", {"IPAexGothic": tmp_path / "nowhere"})

    assert main(["rejects", "slip", "tax.taxpayer", "--purpose", "訂正の依頼"]) == 3

    assert not list((desk.root / "var" / "reports").iterdir())
    assert desk.count("audit_event", "body LIKE '%personal.revealed%'") == 0
    with desk.registry.connect() as connection:
        run_id = connection.execute(sa.text("SELECT run_id FROM run WHERE state = 'failed'")).scalar_one()
    capsys.readouterr()
    assert main(["retry", str(run_id)]) == 3
    assert "renkei rejects slip tax.taxpayer" in capsys.readouterr().err


def shown_and_restricted(desk: Desk) -> tuple[int, int]:
    """Record numbers of somebody who may be shown and of somebody who may not."""
    query = sa.text("""
        SELECT p.rec_no, g.protected FROM person_record p JOIN link l USING (feed, source_key)
        JOIN golden_version g USING (resident_id)
        WHERE p.feed = 'tax.taxpayer' AND p.known_to IS NULL AND p.rec_no > 1
    """)
    with desk.registry.connect() as connection:
        found = {row.protected: int(row.rec_no) for row in connection.execute(query)}
        return found["none"], found["protected"]


def key_of(desk: Desk, number: int) -> str:
    return desk.original[number * RECORD + 1 : number * RECORD + 11].decode("ascii")
