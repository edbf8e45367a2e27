"""The binary log: values as a SELECT gives them, what it does not tell, and when its position is no longer good."""

import contextlib
import time
from pathlib import Path

import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors import changes_peer
from tests.integration.connectors.changes_peer import Followed, applied, table_of
from tests.integration.connectors.mariadb_peer import MariadbServer
from tests.integration.connectors.peers import without
from tests.integration.connectors.test_changes_outbox import lost

from renkei.errors import FixDeclaration, TryAgain
from renkei.project import load_connector

binlog = changes_peer.binlog

COLUMNS = """
ALTER TABLE kojin
    ADD n decimal(12,2), ADD d decimal(38,10), ADD x decimal(5,5), ADD i int unsigned, ADD b bigint,
    ADD m mediumint, ADD y year, ADD e enum('男','女'), ADD s set('a','b','c'), ADD bt bit(12), ADD dt date,
    ADD dtm datetime(3), ADD ts timestamp(6) NULL, ADD t1 time(1), ADD t0 time, ADD t6 time(6),
    ADD sjis varchar(300) CHARACTER SET cp932, ADD lt longtext, ADD raw varbinary(20), ADD fx binary(4),
    ADD bl blob
"""
VALUES = """
1.50, -12345678901234567890.0123456789, 0.12345, 4294967295, -9223372036854775808, -5, 2026, '男', 'a,c', b'101', \
'2026-02-03', '1000-01-01 00:00:00.123', '2026-01-01 00:00:00.5', '-12:34:56.7', '838:59:59', '-00:00:00.000001', \
'髙﨑～－①ﾊﾝ', repeat('𠮷', 100000), x'00ff', x'61', x''
0, 0, -0.00001, 0, 0, 8388607, 0, '', '', 0, \
'0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '00:00:00', '-838:59:59', '12:00:00.0001', \
'', '', x'', x'00000000', NULL
-0.01, 99999999999999999999999999.9999999999, 0, 1, 1, -8388608, 1901, NULL, NULL, NULL, \
'1950-00-00', '1868-00-10 23:59:59.999', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
"""


def test_every_type_reads_in_a_change_as_it_does_in_the_whole_table(binlog: Followed) -> None:
    binlog.execute(COLUMNS)
    (empty,) = binlog.pull()
    for number, values in enumerate(VALUES.strip().splitlines()):
        binlog.transaction("SET sql_mode = ''", f"INSERT INTO kojin VALUES ('{number}', '氏名', {values})")

    changes = [row for change in binlog.pull(empty) for row in table_of(change).to_pylist()]
    whole = [{**row, "__gone": False} for row in table_of(binlog.pull()[0]).to_pylist()]

    assert changes == whole
    assert [row["dt"] for row in whole] == ["2026-02-03", "0000-00-00", "1950-00-00"]
    assert whole[0]["sjis"] == "髙﨑～－①ﾊﾝ"


@pytest.mark.parametrize(
    "column",
    ["f double", "g float", "p point", "u uuid", "z int zerofill", "c varchar(9) CHARACTER SET ujis"],
)
def test_a_column_that_the_log_tells_otherwise_is_refused(binlog: Followed, column: str) -> None:
    binlog.execute(f"ALTER TABLE kojin ADD {column}")

    assert f"column {column[0]} is" in refused(binlog)


def refused(binlog: Followed) -> str:
    with pytest.raises(FixDeclaration) as wrong:
        binlog.pull()
    assert wrong.value.code == "E_CHANGES_SETUP"
    return str(wrong.value.facts["problem"])


def test_rows_that_a_foreign_key_changes_are_not_in_the_log_so_it_is_refused(binlog: Followed) -> None:
    binlog.execute(
        "CREATE TABLE setai (setai_no int PRIMARY KEY) ENGINE=InnoDB",
        "ALTER TABLE kojin ADD setai_no int,"
        " ADD FOREIGN KEY (setai_no) REFERENCES setai (setai_no) ON DELETE CASCADE",
    )

    assert "foreign key" in refused(binlog)


def test_a_cascade_would_really_be_missed(binlog: Followed, tmp_path: Path) -> None:
    without(tmp_path, "parts/mariadb_link.py", ("    if _CASCADE.search(made):", "    if False:"))
    twin = binlog.twin(load_connector(tmp_path / "twin", "mariadb_binlog"))
    binlog.execute(
        "CREATE TABLE setai (setai_no int PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO setai VALUES (1)",
        "ALTER TABLE kojin ADD setai_no int,"
        " ADD FOREIGN KEY (setai_no) REFERENCES setai (setai_no) ON DELETE CASCADE",
        "INSERT INTO kojin VALUES ('1', '世帯員', 1)",
    )  # fmt: skip
    (whole,) = twin.pull()

    binlog.execute("DELETE FROM setai")

    assert binlog.truth() == {}
    assert applied([whole, *twin.pull(whole)]) == {"1": "世帯員"}


@pytest.mark.parametrize("engine", ["Aria", "MyISAM"])
def test_a_table_without_transactions_is_refused(binlog: Followed, engine: str) -> None:
    binlog.execute(f"ALTER TABLE kojin ENGINE={engine}")

    assert "InnoDB" in refused(binlog)


@pytest.mark.parametrize(
    "setting", ["binlog_format='MIXED'", "binlog_row_image='MINIMAL'", "log_bin_compress=1"]
)
def test_a_server_that_logs_too_little_is_told_so(
    binlog: Followed, mariadb_server: MariadbServer, setting: str
) -> None:
    name = setting.split("=")[0]
    mariadb_server.execute(f"SET GLOBAL {setting}")
    try:
        assert refused(binlog).startswith(name)
    finally:
        usual = {"binlog_format": "'ROW'", "binlog_row_image": "'FULL'", "log_bin_compress": "0"}
        mariadb_server.execute(f"SET GLOBAL {name} = {usual[name]}")


def test_a_log_that_was_purged_ends_the_position(binlog: Followed, mariadb_server: MariadbServer) -> None:
    (whole,) = binlog.pull()
    binlog.execute(binlog.put("1", "一"))
    purge(mariadb_server)

    assert lost(binlog, whole) == "the binary log was purged or begun anew"


def purge(server: MariadbServer) -> None:
    """Leave the newest file only; the server keeps one as long as it has not seen that its reader left."""
    for _ in range(50):
        server.execute("FLUSH BINARY LOGS")
        newest = server.execute("SHOW BINARY LOGS")[-1][0]
        server.execute(f"PURGE BINARY LOGS TO '{newest}'")
        if len(server.execute("SHOW BINARY LOGS")) == 1:
            return
        time.sleep(0.1)
    raise TimeoutError("the log is still in use")


def begun_anew(binlog: Followed, server: MariadbServer) -> str:
    """The GTIDs begin again at 1, and reach the old ones with other changes."""
    server.execute("RESET MASTER")
    binlog.execute(binlog.put("1", "一"), binlog.put("2", "二"))
    (whole,) = binlog.pull()
    server.execute("RESET MASTER")
    binlog.execute(binlog.put("3", "別の変更"), binlog.drop("1"), binlog.put("4", "四"))
    return lost(binlog, whole)


def test_gtids_that_were_reset_end_the_position(binlog: Followed, mariadb_server: MariadbServer) -> None:
    assert begun_anew(binlog, mariadb_server) == "the binary log was purged or begun anew"


def test_a_look_at_the_gtid_alone_would_go_on_with_other_changes(
    binlog: Followed, mariadb_server: MariadbServer, tmp_path: Path
) -> None:
    guards = (
        ("    if found is None:\n        raise", "    if False:\n        raise"),
        ('    if found != place["gtid"]:', "    if False:"),
    )

    with pytest.raises(pytest.fail.Exception):
        begun_anew(binlog.twin(without(tmp_path, "mariadb_binlog.py", *guards)), mariadb_server)


def test_a_gap_in_the_gtids_ends_the_position(binlog: Followed) -> None:
    (whole,) = binlog.pull()
    (number,) = {int(part.split("-")[2]) for part in str(whole.position["gtid"]).split(",")}
    binlog.transaction(f"SET gtid_seq_no = {number + 5}", binlog.put("1", "一"))

    assert lost(binlog, whole) == "a gap in the GTIDs"


def test_another_server_ends_the_position(binlog: Followed, mariadb_server: MariadbServer) -> None:
    (whole,) = binlog.pull()
    mariadb_server.execute("SET GLOBAL server_id = 77")
    try:
        assert lost(binlog, whole) == "it is another server"
    finally:
        mariadb_server.execute("SET GLOBAL server_id = 1")


def test_changes_logged_as_statements_end_the_position(binlog: Followed) -> None:
    binlog.execute(binlog.put("1", "一"))
    (whole,) = binlog.pull()
    binlog.transaction(
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET binlog_format = 'STATEMENT'",
        "UPDATE kojin SET shimei = '文'",
    )  # fmt: skip

    assert lost(binlog, whole) == "changes were logged as statements"


@pytest.mark.parametrize(
    "statement",
    [
        "RENAME TABLE kojin TO kojin_old, kojin_old TO kojin",
        "CREATE OR REPLACE TABLE kojin (atena_no varchar(10) PRIMARY KEY, shimei text) ENGINE=InnoDB",
        "/* 夜間 */ TRUNCATE `kojin`",
    ],
)
def test_a_table_made_anew_ends_the_position(binlog: Followed, statement: str) -> None:
    (whole,) = binlog.pull()
    binlog.execute(statement)

    assert "emptied or made anew" in lost(binlog, whole)


def test_what_becomes_of_other_tables_is_no_matter(binlog: Followed) -> None:
    (whole,) = binlog.pull()
    binlog.execute(
        "CREATE TABLE kojin_rireki (n int PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO kojin_rireki VALUES (1)",
        "TRUNCATE kojin_rireki", "DROP TABLE kojin_rireki", binlog.put("1", "一"),
        "CREATE INDEX by_name ON kojin (shimei(10))",
    )  # fmt: skip

    assert applied(binlog.pull(whole)) == {"1": "一"}


def test_rows_of_an_xa_transaction_end_the_position(binlog: Followed) -> None:
    (whole,) = binlog.pull()
    with contextlib.closing(binlog.session()) as session:
        for statement in ("XA START 'a'", binlog.put("1", "未確定"), "XA END 'a'", "XA PREPARE 'a'"):
            session.cursor().execute(statement)
        try:
            assert "XA transaction" in lost(binlog, whole)
        finally:
            session.cursor().execute("XA ROLLBACK 'a'")


def test_where_only_others_write_the_position_still_moves_to_the_new_file(binlog: Followed) -> None:
    (whole,) = binlog.pull()
    assert binlog.pull(whole) == []
    binlog.execute("FLUSH BINARY LOGS")

    (nothing,) = binlog.pull(whole)

    assert nothing.records == 0
    assert binlog.pull(nothing) == []
    binlog.execute(binlog.put("1", "一"))
    assert applied([whole, nothing, *binlog.pull(nothing)]) == {"1": "一"}


def cut_off(binlog: Followed) -> None:
    """The link to the log breaks once; the library signs in anew by itself, and we must not let it."""
    (whole,) = binlog.pull()
    binlog.execute(*(binlog.fill(first, first + 499) for first in range(1, 4_000, 500)))
    fault = Fault(direction="down", after=60_000, action="reset", connection=3)
    with FaultProxy(binlog.port, faults=[fault]) as proxy, pytest.raises(TryAgain) as broken:
        binlog.pull(whole, connection=binlog.at(proxy.port))
    assert broken.value.code == "E_PULL_LOST"


def test_a_cut_is_told_and_not_glossed_over_by_the_library(binlog: Followed) -> None:
    cut_off(binlog)


def test_without_the_limit_the_library_would_begin_again(binlog: Followed, tmp_path: Path) -> None:
    without(tmp_path, "parts/mariadb_link.py", ("if len(self._opened) >= 3:", "if len(self._opened) >= 99:"))

    with pytest.raises((pytest.fail.Exception, AssertionError, Exception)) as noticed:
        cut_off(binlog.twin(load_connector(tmp_path / "twin", "mariadb_binlog")))

    assert not isinstance(noticed.value, TryAgain)
