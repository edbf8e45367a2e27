"""What a delta finds, what only a sweep finds, and the twins that lose it."""

from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from tests.integration.connectors.peers import Juki, without
from tests.integration.connectors.reading import pull_since, rows_of, taken_in

from renkei.errors import FixDeclaration, Stop
from renkei.model import GONE, Delivery

#: A sweep at every pull, and none.
ALWAYS, NEVER = "0s", "9999h"


def first_of(module: ModuleType, juki: Juki, workdir: Path, **settings: Any) -> Delivery:
    (whole,) = pull_since(module, juki.connection, workdir, **settings)
    return whole


def changes(deliveries: list[Delivery]) -> list[tuple[str, str | None, bool]]:
    return [
        (row["atena_no"], row["shimei"], row[GONE]) for delivery in deliveries for row in rows_of(delivery)
    ]


def rename(juki: Juki, number: str, name: str, *, at: str = "now()") -> None:
    juki.execute(f"UPDATE juki.kojin SET shimei = '{name}', koshin_ts = {at} WHERE atena_no = '{number}'")


def test_the_first_pull_is_whole_and_then_only_what_changed_is_delivered(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    juki.fill(50)
    whole = first_of(odbc, juki, tmp_path)
    rename(juki, "0000000027", "改名 花子")

    deltas = pull_since(odbc, juki.connection, tmp_path, since=whole)

    assert (whole.is_whole, whole.records) == (True, 53)
    assert [delivery.is_whole for delivery in deltas] == [False]
    assert changes(deltas) == [("0000000027", "改名 花子", False)]
    assert pull_since(odbc, juki.connection, tmp_path, since=deltas[0]) == []


def test_a_delta_that_was_not_merged_comes_again(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    whole = first_of(odbc, juki, tmp_path)
    rename(juki, "0000000019", "髙崎 𠮷郎")

    lost, again = (pull_since(odbc, juki.connection, tmp_path, since=whole) for _ in range(2))

    assert [delivery.sha256 for delivery in lost] == [delivery.sha256 for delivery in again]


# ties ---------------------------------------------------------------------------------------------

ONE_MOMENT = "timestamp '2026-05-01 09:00:00'"
PLAIN_CURSOR = ('sql=f"{column.quoted} >= {value_of(column)}", parameters=(start,)',
                'sql=f"{column.quoted} > {value_of(column)}", parameters=(start,)')  # fmt: skip


def change_in_a_tie(module: ModuleType, juki: Juki, workdir: Path) -> list[tuple[str, str | None, bool]]:
    rename(juki, "0000000019", "一人目", at=ONE_MOMENT)
    whole = first_of(module, juki, workdir, overlap="0s")
    rename(juki, "0000000027", "二人目", at=ONE_MOMENT)
    return changes(pull_since(module, juki.connection, workdir, since=whole, overlap="0s", sweep=NEVER))


def test_a_change_at_the_very_moment_of_the_mark_is_found(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    assert change_in_a_tie(odbc, juki, tmp_path) == [("0000000027", "二人目", False)]


def test_twin_with_a_plain_greater_than_loses_a_tie(juki: Juki, tmp_path: Path) -> None:
    twin = without(tmp_path, "parts/odbc_child/delta.py", PLAIN_CURSOR)

    assert change_in_a_tie(twin, juki, tmp_path) == []


# late commits -------------------------------------------------------------------------------------


def commit_late(module: ModuleType, juki: Juki, workdir: Path, **settings: Any) -> tuple[Delivery, Any]:
    """A clerk's transaction begins before another's, and commits after it was pulled."""
    whole = first_of(module, juki, workdir, **settings)
    with psycopg.connect(juki.cluster.url("juki").replace("+psycopg", "")) as slow:
        slow.execute(
            "UPDATE juki.kojin SET shimei = '遅延 確定', koshin_ts = now() WHERE atena_no = '0000000019'"
        )
        rename(juki, "0000000027", "先行 確定", at="clock_timestamp()")
        (delta,) = pull_since(module, juki.connection, workdir, since=whole, sweep=NEVER, **settings)
        slow.commit()
    assert changes([delta]) == [("0000000027", "先行 確定", False)]
    return delta, changes(pull_since(module, juki.connection, workdir, since=delta, sweep=NEVER, **settings))


def test_a_late_commit_is_found_within_the_overlap(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    _, found = commit_late(odbc, juki, tmp_path)

    assert found == [("0000000019", "遅延 確定", False)]


def test_a_commit_later_than_the_overlap_is_found_by_the_sweep(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    delta, found = commit_late(odbc, juki, tmp_path, overlap="0s")

    swept = pull_since(odbc, juki.connection, tmp_path, since=delta, sweep=ALWAYS, overlap="0s")

    assert found == []
    assert changes(swept) == [("0000000019", "遅延 確定", False)]


def test_twin_without_an_overlap_loses_a_late_commit(juki: Juki, tmp_path: Path) -> None:
    none = ('stamp.before(timedelta(seconds=order["delta"]["overlap"]))', "stamp.before(timedelta(0))")
    twin = without(tmp_path, "parts/odbc_child/delta.py", none)

    _, found = commit_late(twin, juki, tmp_path)

    assert found == []


# sweeps -------------------------------------------------------------------------------------------


def test_a_sweep_finds_deletes_and_changes_without_a_time(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    juki.fill(50)
    whole = first_of(odbc, juki, tmp_path)
    juki.execute("DELETE FROM juki.kojin WHERE atena_no = '0000000035'")
    juki.execute("UPDATE juki.kojin SET biko = '補正' WHERE atena_no = '0000001000'")

    unseen = pull_since(odbc, juki.connection, tmp_path, since=whole, sweep=NEVER)
    (swept,) = pull_since(odbc, juki.connection, tmp_path, since=whole, sweep=ALWAYS)

    assert unseen == []
    assert changes([swept]) == [("0000001000", "山田 太郎1", False), ("0000000035", None, True)]
    assert taken_in([whole, swept]) == taken_in([first_of(odbc, juki, tmp_path / "again")])


def test_a_sweep_that_finds_nothing_says_that_it_was_made(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    whole = first_of(odbc, juki, tmp_path)

    (swept,) = pull_since(odbc, juki.connection, tmp_path, since=whole, sweep=ALWAYS)

    assert (swept.records, swept.is_whole) == (0, False)
    assert swept.position["swept_at"] > whole.position["swept_at"]
    assert pull_since(odbc, juki.connection, tmp_path, since=swept) == []


def test_a_sweep_that_finds_too_much_reads_all_again(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    juki.fill(600)
    whole = first_of(odbc, juki, tmp_path)
    juki.execute("UPDATE juki.kojin SET kana = 'カナ'")

    (swept,) = pull_since(odbc, juki.connection, tmp_path, since=whole, sweep=ALWAYS)

    assert (swept.is_whole, swept.records) == (True, 603)


def test_twin_that_trusts_the_time_of_change_never_finds_a_delete(juki: Juki, tmp_path: Path) -> None:
    twin = without(
        tmp_path, "parts/odbc_child/delta.py", ("    if _is_due(since, snapshot):\n", "    if False:\n")
    )
    whole = first_of(twin, juki, tmp_path)
    juki.execute("DELETE FROM juki.kojin WHERE atena_no = '0000000035'")

    assert pull_since(twin, juki.connection, tmp_path, since=whole, sweep=ALWAYS) == []


# what is known ------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_without_its_list_of_known_rows_a_pull_is_whole_again(
    odbc: ModuleType, juki: Juki, tmp_path: Path, damage: str
) -> None:
    whole = first_of(odbc, juki, tmp_path)
    (known,) = tmp_path.glob("*.known")
    if damage == "missing":
        known.unlink()
    else:
        known.write_bytes(known.read_bytes().replace(b"0000000027", b"0000000028"))

    (again,) = pull_since(odbc, juki.connection, tmp_path, since=whole)

    assert (again.is_whole, again.sha256) == (True, whole.sha256)


def test_a_new_column_is_read_whole(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    whole = first_of(odbc, juki, tmp_path)
    juki.execute(
        "DROP VIEW juki.kojin_genzai; ALTER TABLE juki.kojin ADD tel varchar(20);"
        "CREATE VIEW juki.kojin_genzai AS SELECT * FROM juki.kojin; GRANT SELECT ON juki.kojin_genzai TO renkei_pull"
    )
    (column,) = pull_since(odbc, juki.connection, tmp_path, since=whole)

    assert column.is_whole
    assert "tel" in rows_of(column)[0]


def test_a_key_that_names_two_rows_is_refused(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    with pytest.raises(Stop, match="E_PULL_KEY"):
        first_of(odbc, juki, tmp_path, key="rireki_no")


# the time of change -------------------------------------------------------------------------------


def test_a_time_to_come_does_not_hide_what_is_changed_today(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    rename(juki, "0000000019", "未来 太郎", at="timestamp '9999-12-31'")
    whole = first_of(odbc, juki, tmp_path)
    rename(juki, "0000000027", "本日 花子")

    delta = pull_since(odbc, juki.connection, tmp_path, since=whole, sweep=NEVER)

    assert whole.position["mark"][0].startswith("2026-04-01")
    assert changes(delta) == [("0000000027", "本日 花子", False)]


@pytest.mark.parametrize(("kind", "form"), [("char(14)", "YYYYMMDDHH24MISS"), ("date", "YYYY-MM-DD")])
def test_times_of_change_may_be_texts_or_days(
    odbc: ModuleType, juki: Juki, tmp_path: Path, kind: str, form: str
) -> None:
    juki.execute(
        f"CREATE TABLE juki.ido (no integer PRIMARY KEY, koshin_ts {kind}, naiyo text);"
        f"INSERT INTO juki.ido SELECT g, to_char(now(), '{form}')::{kind}, '転入' FROM generate_series(1, 5) AS g;"
        "GRANT SELECT ON juki.ido TO renkei_pull"
    )
    (whole,) = pull_since(odbc, juki.connection, tmp_path, table="juki.ido", key="no")
    juki.execute(
        f"UPDATE juki.ido SET naiyo = '転居', koshin_ts = to_char(now(), '{form}')::{kind} WHERE no = 3"
    )

    (delta,) = pull_since(
        odbc, juki.connection, tmp_path, since=whole, table="juki.ido", key="no", sweep=NEVER
    )

    assert [(row["no"], row["naiyo"]) for row in rows_of(delta)] == [("3", "転居")]


def test_a_column_that_holds_no_time_cannot_say_what_changed(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    with pytest.raises(FixDeclaration, match="no date or time of change"):
        first_of(odbc, juki, tmp_path, changed_at="kana")
