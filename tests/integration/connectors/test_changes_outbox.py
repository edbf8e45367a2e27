"""The outbox: its order, what leaves it, and when its position is no longer good."""

import contextlib
from pathlib import Path

import pytest
from tests.integration.connectors import changes_peer
from tests.integration.connectors.changes_peer import Followed, Legacy, applied, table_of
from tests.integration.connectors.peers import without

from renkei.errors import FixDeclaration, Stop

legacy_cluster, legacy, outbox = changes_peer.legacy_cluster, changes_peer.legacy, changes_peer.outbox

INSTALLED = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'renkei%'"


def overtaken(outbox: Followed) -> Followed:
    """A transaction with the lower id changes a row after one with the higher id committed."""
    outbox.execute(outbox.put("1", "元"), outbox.put("2", "元"))
    (whole,) = outbox.pull()
    with contextlib.closing(outbox.session()) as older:
        older.cursor().execute(outbox.put("2", "先に番号を取る"))
        outbox.execute(outbox.put("1", "先に確定"))
        older.cursor().execute(outbox.put("1", "後に確定"))
        older.commit()
    assert applied([whole, *outbox.pull(whole)]) == {"1": "後に確定", "2": "先に番号を取る"}
    return outbox


def test_the_order_is_that_of_the_commits_not_of_the_transactions(outbox: Followed) -> None:
    overtaken(outbox)


def test_an_order_by_transaction_would_bring_an_old_value_back(outbox: Followed, tmp_path: Path) -> None:
    by_xid = ("SELECT xid, max(seq) AS last", "SELECT xid, min(xid::text::bigint) AS last")

    with pytest.raises(AssertionError):
        overtaken(outbox.twin(without(tmp_path, "pg_outbox.py", by_xid)))


def late(outbox: Followed) -> None:
    """A transaction that began early commits after a pull."""
    (whole,) = outbox.pull()
    with contextlib.closing(outbox.session()) as session:
        session.cursor().execute(outbox.put("1", "遅い"))
        outbox.execute(outbox.put("2", "早い"))
        early = outbox.pull(whole)
        session.commit()
    assert applied([whole, *early, *outbox.pull(early[-1])]) == {"1": "遅い", "2": "早い"}


def test_a_late_commit_is_found(outbox: Followed) -> None:
    late(outbox)


def test_a_number_that_grew_would_miss_the_late_commit(outbox: Followed, tmp_path: Path) -> None:
    guard = (
        "      AND xid >= pg_snapshot_xmin(%(seen)s::pg_snapshot)\n"
        "      AND NOT pg_visible_in_snapshot(xid, %(seen)s::pg_snapshot)\n"
        "      AND pg_visible_in_snapshot(xid, %(to)s::pg_snapshot)\n"
    )
    greater = "      AND xid >= pg_snapshot_xmax(%(seen)s::pg_snapshot)\n"

    with pytest.raises(AssertionError):
        late(outbox.twin(without(tmp_path, "pg_outbox.py", (guard, greater))))


def test_a_row_that_the_application_changes_again_in_its_own_trigger_comes_as_it_stands(
    outbox: Followed, legacy: Legacy
) -> None:
    legacy.execute(
        "CREATE FUNCTION juki.kana() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF pg_trigger_depth() = 1 THEN"
        "  UPDATE juki.kojin SET shimei = shimei || '（整形済）' WHERE atena_no = NEW.atena_no;"
        " END IF; RETURN NULL; END $$",
        "CREATE TRIGGER a_kana AFTER INSERT OR UPDATE ON juki.kojin"
        " FOR EACH ROW EXECUTE FUNCTION juki.kana()",
    )
    (whole,) = outbox.pull()
    outbox.execute(outbox.put("1", "山田"), outbox.put("1", "佐藤"))

    assert applied([whole, *outbox.pull(whole)]) == outbox.truth() == {"1": "佐藤（整形済）"}


def test_a_session_that_switches_ordinary_triggers_off_is_followed_too(
    outbox: Followed, legacy: Legacy
) -> None:
    (whole,) = outbox.pull()
    legacy.execute("SET session_replication_role = replica; " + outbox.put("1", "一括"))

    assert applied(outbox.pull(whole)) == {"1": "一括"}


def test_merged_rows_leave_the_outbox_only_when_wished(outbox: Followed, legacy: Legacy) -> None:
    (whole,) = outbox.pull()
    outbox.execute(outbox.put("1", "一"))
    (first,) = outbox.pull(whole)
    outbox.execute(outbox.put("2", "二"))
    left = "SELECT count(*) FROM renkei_outbox.change"

    outbox.pull(first)
    assert legacy.execute(left) == [(2,)]

    pruning = outbox.wishing(prune=True)
    assert applied([whole, first, *pruning.pull(first)]) == {"1": "一", "2": "二"}
    assert legacy.execute(left) == [(1,)]


def test_a_position_before_what_was_pruned_is_lost(outbox: Followed) -> None:
    (whole,) = outbox.pull()
    outbox.execute(outbox.put("1", "一"))
    (first,) = outbox.pull(whole)
    outbox.wishing(prune=True).pull(first)

    assert lost(outbox, whole) == "the outbox was pruned past the position"


def lost(outbox: Followed, after: object) -> str:
    with pytest.raises(Stop) as stopped:
        outbox.pull(after)  # type: ignore[arg-type]  # a delivery
    assert stopped.value.code == "E_POSITION_LOST"
    return str(stopped.value.facts["reason"])


@pytest.mark.parametrize(
    "statement", ["DELETE FROM", "TRUNCATE", "UPDATE renkei_outbox.change SET op = 'I' --"]
)
def test_nobody_takes_a_row_out_of_the_outbox_by_hand(
    outbox: Followed, legacy: Legacy, statement: str
) -> None:
    outbox.execute(outbox.put("1", "一"))

    with pytest.raises(Exception, match="leave renkei_outbox"):
        legacy.execute(f"{statement} renkei_outbox.change")


def switched(outbox: Followed, legacy: Legacy) -> str:
    """The triggers are switched off for a while."""
    (whole,) = outbox.pull()
    change = "ALTER TABLE juki.kojin {} TRIGGER renkei_outbox_insert"
    legacy.execute(change.format("DISABLE"), outbox.put("1", "見えない"), change.format("ENABLE ALWAYS"))
    return lost(outbox, whole)


def test_triggers_that_were_off_for_a_while_end_the_position(outbox: Followed, legacy: Legacy) -> None:
    assert switched(outbox, legacy) == "the triggers of the outbox were switched off or made anew"


def test_without_the_look_at_the_triggers_a_row_would_be_missing(
    outbox: Followed, legacy: Legacy, tmp_path: Path
) -> None:
    guard = '    "triggers": "the triggers of the outbox were switched off or made anew",\n'

    with pytest.raises(pytest.fail.Exception):
        switched(outbox.twin(without(tmp_path, "pg_outbox.py", (guard, ""))), legacy)


def test_triggers_that_are_off_are_told(outbox: Followed, legacy: Legacy) -> None:
    legacy.execute("ALTER TABLE juki.kojin DISABLE TRIGGER renkei_outbox_update")

    with pytest.raises(FixDeclaration) as wrong:
        outbox.pull()

    assert wrong.value.code == "E_CHANGES_SETUP"
    assert "missing or switched off" in wrong.value.facts["problem"]


def test_an_outbox_made_anew_ends_the_position(outbox: Followed, legacy: Legacy) -> None:
    (whole,) = outbox.pull()
    legacy.execute(
        "DROP SCHEMA renkei_outbox CASCADE",
        outbox.module.install_sql(outbox.feed.settings, role="renkei_pull"),
    )

    assert "made anew" in lost(outbox, whole)


def test_a_source_restored_to_an_earlier_time_ends_the_position(outbox: Followed) -> None:
    (whole,) = outbox.pull()
    whole.position["visible"] = "900000000:900000000:"  # type: ignore[index]  # a place in the future

    assert lost(outbox, whole) == "the source was restored to an earlier time"


def test_installing_again_changes_nothing(outbox: Followed, legacy: Legacy) -> None:
    (whole,) = outbox.pull()
    legacy.execute(outbox.module.install_sql(outbox.feed.settings, role="renkei_pull"))
    outbox.execute(outbox.put("1", "一"))

    assert legacy.execute(INSTALLED) == [(4,)]
    assert applied(outbox.pull(whole)) == {"1": "一"}


def test_a_table_without_outbox_or_with_another_key_is_told(outbox: Followed, legacy: Legacy) -> None:
    legacy.execute("CREATE TABLE juki.setai (setai_no text PRIMARY KEY, atena_no text NOT NULL UNIQUE)")
    for settings in ({"table": "juki.setai", "key": "setai_no"}, {"key": "shimei"}):
        with pytest.raises(FixDeclaration) as wrong:
            outbox.wishing(**settings).pull()
        assert wrong.value.code == "E_CHANGES_SETUP"


def test_a_partitioned_table_is_refused_when_it_is_installed(outbox: Followed, legacy: Legacy) -> None:
    legacy.execute("CREATE TABLE juki.rireki (n int PRIMARY KEY) PARTITION BY RANGE (n)")

    with pytest.raises(Exception, match="not an ordinary table"):
        legacy.execute(outbox.module.install_sql({"table": "juki.rireki", "key": "n"}, role="renkei_pull"))


def test_values_read_as_a_select_of_text_gives_them(outbox: Followed, legacy: Legacy) -> None:
    (whole,) = outbox.pull()
    legacy.execute(COLUMNS, VALUES)

    assert [table_of(change).to_pylist()[0] for change in outbox.pull(whole)] == expected(legacy)


#: Values of which the text is easily got wrong, made in a session that writes dates otherwise.
COLUMNS = (
    "ALTER TABLE juki.kojin ADD gaku numeric(18,4), ADD hi date, ADD toki timestamp, ADD z timestamptz,"
    " ADD ka boolean, ADD ip inet, ADD raw bytea, ADD aida interval, ADD f float8, ADD c char(5),"
    " ADD j jsonb, ADD a int[]"
)
VALUES = (
    "SET DateStyle = 'SQL, DMY'; SET TimeZone = 'UTC'; SET bytea_output = 'escape'; SET extra_float_digits = 0;"
    " INSERT INTO juki.kojin VALUES ('1', '', -12345678901234.5000, '1868-01-25', '0044-03-15 BC',"
    " '2026-04-01 00:00:00.000001+00', true, '10.0.0.1', '\\xff00', '1 mon -2 days', 0.1::float8 + 0.2, 'ab',"
    " '{\"b\": 1.50, \"a\": null}', '{1,NULL,3}')"
)


def expected(legacy: Legacy) -> list[dict[str, object]]:
    with contextlib.closing(legacy.session()) as session:
        session.execute("SET DateStyle = 'ISO, YMD'; SET TimeZone = 'Asia/Tokyo'")
        cursor = session.execute(
            "SELECT atena_no::text, shimei::text, gaku::text, hi::text, toki::text, z::text, ka::text, ip::text,"
            " raw::text, aida::text, f::text, rpad(c::text, 5) AS c, j::text, a::text FROM juki.kojin"
        )
        names = [column.name for column in cursor.description or ()]
        return [{**dict(zip(names, row, strict=True)), "__gone": False} for row in cursor]
