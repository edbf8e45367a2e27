"""What changes rows behind the back of a log or an outbox: each is told, none is overlooked."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.connectors import changes_peer
from tests.integration.connectors.changes_peer import Followed, Legacy, applied
from tests.integration.connectors.mariadb_peer import MariadbServer, started
from tests.integration.connectors.peers import without

from renkei.errors import FixDeclaration, Stop
from renkei.model import Delivery

legacy_cluster, legacy = changes_peer.legacy_cluster, changes_peer.legacy
outbox, slot, binlog = changes_peer.outbox, changes_peer.slot, changes_peer.binlog


def lost(followed: Followed, whole: Delivery) -> str:
    with pytest.raises(Stop) as told:
        followed.pull(whole)
    assert told.value.code == "E_POSITION_LOST"
    return str(told.value.facts["reason"])


def refused(followed: Followed) -> str:
    with pytest.raises(FixDeclaration) as told:
        followed.pull()
    assert told.value.code == "E_CHANGES_SETUP"
    return str(told.value.facts["problem"])


@pytest.fixture(params=["outbox", "slot"])
def postgresql(request: pytest.FixtureRequest) -> Followed:
    """Both ways to follow a PostgreSQL."""
    made: Followed = request.getfixturevalue(request.param)
    return made


# a table that was altered ---------------------------------------------------------------------------

REWRITING = {
    "postgresql": [
        "ALTER TABLE juki.kojin ALTER shimei TYPE text USING shimei || '様'",
        "ALTER TABLE juki.kojin ADD kubun text DEFAULT '一般'",
    ],
    "mariadb": [
        "ALTER TABLE kojin MODIFY shimei varchar(1) CHARACTER SET utf8mb4",
        "ALTER TABLE kojin ADD kubun varchar(9) DEFAULT '一般'",
        "ALTER TABLE kojin ADD kubun int NOT NULL",
    ],
}


@pytest.mark.parametrize("statement", REWRITING["postgresql"], ids=["using", "default"])
def test_values_that_an_alter_wrote_end_the_position(statement: str, postgresql: Followed) -> None:
    postgresql.execute(postgresql.put("1", "山田"))
    (whole,) = postgresql.pull()
    postgresql.execute(statement, postgresql.put("2", "川田"))

    assert "altered" in lost(postgresql, whole)


@pytest.mark.parametrize("statement", REWRITING["mariadb"], ids=["modify", "default", "not null"])
def test_values_that_an_alter_wrote_end_the_position_in_a_binary_log(
    statement: str, binlog: Followed
) -> None:
    binlog.execute(binlog.put("1", "山"))
    (whole,) = binlog.pull()
    binlog.execute(statement)

    assert "made anew by ALTER" in lost(binlog, whole)


def test_without_the_look_at_the_columns_the_hub_would_keep_the_old_values(
    outbox: Followed, tmp_path: Path
) -> None:
    careless = outbox.twin(
        without(tmp_path, "pg_outbox.py", ("    pg_link.refuse_altered(", "    (lambda *_: 0)("))
    )
    careless.execute(careless.put("1", "山田"))
    (whole,) = careless.pull()
    careless.execute(REWRITING["postgresql"][0], careless.put("2", "川田"))

    assert applied([whole, *careless.pull(whole)]) != careless.truth()


def test_a_column_that_is_only_more_or_less_ends_nothing(postgresql: Followed) -> None:
    postgresql.execute("ALTER TABLE juki.kojin ADD kana text")
    (whole,) = postgresql.pull()
    postgresql.execute(
        "ALTER TABLE juki.kojin ADD biko text",
        "ALTER TABLE juki.kojin DROP kana",
        postgresql.put("1", "山田"),
    )
    first = postgresql.pull(whole)
    postgresql.execute(postgresql.put("2", "川田"))

    assert applied([whole, *first, *postgresql.pull(first[-1])]) == {"1": "山田", "2": "川田"}


# keys and rows that are not what they seem ------------------------------------------------------------


def test_a_key_that_is_checked_only_at_the_end_is_refused(postgresql: Followed) -> None:
    postgresql.execute(
        "ALTER TABLE juki.kojin DROP CONSTRAINT kojin_pkey",
        "ALTER TABLE juki.kojin ADD CONSTRAINT ato UNIQUE (atena_no) DEFERRABLE INITIALLY DEFERRED",
    )

    assert "no unique index" in refused(postgresql)


def test_rows_that_the_role_may_not_see_are_told_and_not_left_out(
    postgresql: Followed, legacy: Legacy
) -> None:
    postgresql.execute(
        postgresql.put("1", "山田"),
        "ALTER TABLE juki.kojin ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY ichibu ON juki.kojin FOR SELECT USING (false)",
    )

    with pytest.raises(FixDeclaration) as told:
        postgresql.pull()

    assert (told.value.code, told.value.facts["state"]) == ("E_SOURCE_OBJECT", "42501")


INHERITING = {
    "parent": ["CREATE TABLE juki.oya (atena_no varchar(10), shimei text)", "ALTER TABLE juki.kojin INHERIT juki.oya"],
    "child": ["CREATE TABLE juki.ko () INHERITS (juki.kojin)"],
    "partition": [
        "CREATE TABLE juki.oya (atena_no varchar(10) NOT NULL, shimei text) PARTITION BY LIST (atena_no)",
        "ALTER TABLE juki.oya ATTACH PARTITION juki.kojin DEFAULT",
    ],
}  # fmt: skip


@pytest.mark.parametrize("way", INHERITING)
def test_a_table_whose_rows_come_by_way_of_another_is_refused(way: str, outbox: Followed) -> None:
    (whole,) = outbox.pull()
    outbox.execute(*INHERITING[way])

    with pytest.raises(FixDeclaration) as told:
        outbox.pull(whole)

    assert "another" in str(told.value.facts["problem"])


def test_an_outbox_is_not_made_for_a_table_that_inherits(legacy: Legacy, outbox: Followed) -> None:
    legacy.execute(*INHERITING["parent"], "DROP SCHEMA renkei_outbox CASCADE")

    with pytest.raises(Exception, match="is not an ordinary table"):
        legacy.execute(outbox.module.install_sql(outbox.feed.settings, role="renkei_pull"))


def test_rows_of_an_inheriting_table_are_not_read_as_ours(slot: Followed) -> None:
    slot.execute(*INHERITING["child"], "INSERT INTO juki.ko VALUES ('9', '子')", slot.put("1", "親"))

    assert applied(slot.pull()) == {"1": "親"}


# a server that logs only some, or calls the table by another name ------------------------------------


@pytest.fixture(scope="module")
def odd_server() -> Iterator[MariadbServer]:
    """It logs one database of its own, and folds the case of names."""
    folder = Path(tempfile.mkdtemp(prefix="renkei-odd-mariadb-"))
    folder.chmod(0o755)
    server = started(folder, "binlog-do-db=hoka", "lower-case-table-names=1")
    yield server
    server.process.terminate()
    server.process.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def odd(odd_server: MariadbServer, tmp_path: Path) -> Followed:
    """The table there."""
    return changes_peer.followed_log(odd_server, tmp_path)


def test_a_server_that_logs_only_some_databases_is_told_so(odd: Followed) -> None:
    assert refused(odd) == "not every database is logged"


def test_a_table_that_the_log_calls_by_another_name_is_told(odd: Followed) -> None:
    called = replace(odd, feed=replace(odd.feed, settings={**odd.feed.settings, "table": "KOJIN"}))

    with pytest.raises(FixDeclaration) as told:
        called.pull()

    assert (told.value.code, told.value.facts["object"]) == ("E_SOURCE_OBJECT", "legacy.KOJIN")
