"""What the ODBC connector delivers, against a real psqlODBC driver and a real PostgreSQL."""

import hashlib
from pathlib import Path
from types import ModuleType

import pytest
from tests.integration.connectors.peers import PEOPLE, Juki, free_port
from tests.integration.connectors.reading import left_in, pull, rows_of

from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.model import Connection


def test_difficult_text_arrives_unchanged_and_every_column_is_text(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    delivery = pull(odbc, juki.connection, tmp_path / "work")

    rows = rows_of(delivery)
    assert [(row["atena_no"], row["shimei"], row["kana"], row["biko"]) for row in rows] == list(PEOPLE)
    assert (rows[0]["rireki_no"], rows[0]["koshin_ts"]) == ("1", "2026-04-01 12:34:56.789")
    assert delivery.records == 3
    assert delivery.sha256 == hashlib.sha256(delivery.path.read_bytes()).hexdigest()


def test_equal_rows_give_equal_bytes(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    juki.fill(25_000)
    first = pull(odbc, juki.connection, tmp_path / "work")
    juki.execute("UPDATE juki.kojin SET rireki_no = rireki_no WHERE atena_no > '0000500000'")

    second = pull(odbc, juki.connection, tmp_path / "work", text_bytes=400_000)

    assert first.records == 25_003
    assert (second.sha256, second.bytes) == (first.sha256, first.bytes)


def test_an_empty_table_is_a_delivery_with_its_columns(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    juki.execute("DELETE FROM juki.kojin")

    delivery = pull(odbc, juki.connection, tmp_path / "work")

    assert (delivery.records, rows_of(delivery)) == (0, [])


def test_odd_types_long_text_and_many_columns_pass_the_checksum(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    many = ", ".join(f"c{number} varchar(4) DEFAULT 'v{number}'" for number in range(200))
    juki.execute(
        'CREATE TABLE juki.odd ("番号" char(5), n numeric(38,0), b boolean, t text, "日" date, x bytea,'
        f" {many});"
        "INSERT INTO juki.odd VALUES ('ab', 12345678901234567890123456789012345678, true, repeat('髙', 9000),"
        " '1000-01-01', 'x'), ('cd', NULL, NULL, NULL, NULL, NULL);"
        "UPDATE juki.odd SET c0 = NULL, c150 = NULL WHERE n IS NULL;"
        "GRANT SELECT ON juki.odd TO renkei_pull"
    )

    delivery = pull(odbc, juki.connection, tmp_path / "work", table="juki.odd", key=["番号"])

    first, second = rows_of(delivery)
    assert (first["番号"], first["n"], first["b"]) == (
        "ab   ",
        "12345678901234567890123456789012345678",
        "true",
    )
    assert (first["t"], first["日"], first["x"]) == ("髙" * 9000, "1000-01-01", "\\x78")
    assert (second["c0"], second["c150"], second["c199"], second["t"]) == (None, None, "v199", None)


@pytest.mark.parametrize("table", ["juki.kojin", "juki.nothing", 'juki.kojin_genzai"; DROP TABLE x; --'])
def test_a_table_that_may_not_be_read_is_named(
    odbc: ModuleType, juki: Juki, tmp_path: Path, table: str
) -> None:
    with pytest.raises(FixDeclaration) as refused:
        pull(odbc, juki.connection, tmp_path / "work", table=table)

    assert refused.value.code == "E_SOURCE_OBJECT"
    assert refused.value.facts["object"] == table


def test_a_connection_test_changes_nothing_and_proves_the_text_settings(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    found = odbc.connect(juki.connection, workdir=tmp_path).test()

    assert found["mode"] == "repeatable read on"
    assert found["driver"].startswith("psqlodbcw.so")


def test_a_secret_in_a_setting_is_refused_and_not_repeated(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    settings = {**juki.connection.settings, "password": "himitsu-2026"}

    with pytest.raises(FixDeclaration, match="E_SECRET") as refused:
        pull(odbc, Connection(name="peer", settings=settings), tmp_path / "work")

    assert "himitsu" not in str(refused.value)


def test_a_secret_file_that_others_may_read_is_refused(odbc: ModuleType, juki: Juki, tmp_path: Path) -> None:
    Path(juki.connection.settings["password"].removeprefix("file:")).chmod(0o644)

    with pytest.raises(FixDeclaration, match="chmod 600"):
        pull(odbc, juki.connection, tmp_path / "work")


def test_a_database_that_does_not_answer_is_tried_again_later(
    odbc: ModuleType, juki: Juki, tmp_path: Path
) -> None:
    with pytest.raises(TryAgain, match="E_LINK_DOWN"):
        pull(odbc, juki.at(free_port()), tmp_path / "work")


def test_a_full_disk_stops_and_leaves_nothing_half(odbc: ModuleType, juki: Juki, full_disk: Path) -> None:
    juki.fill(5_000)

    with pytest.raises(Stop, match="E_DISK"):
        pull(odbc, juki.connection, full_disk)

    assert left_in(full_disk) == []
