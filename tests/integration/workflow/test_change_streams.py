"""Changes of real databases through the whole hub: what the registry holds is what the table holds."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.connectors.changes_peer import (
    Followed,
    binlog,
    followed,
    legacy,
    legacy_cluster,
    outbox,
    slot,
)
from tests.integration.connectors.mariadb_peer import mariadb_server

from renkei import project, workflow
from renkei.errors import Stop

__all__ = ["binlog", "followed", "legacy", "legacy_cluster", "mariadb_server", "outbox", "slot"]

DAY = date(2026, 11, 20)
NEXT = DAY + timedelta(days=1)
MAPPING = """
system = "ledger"
title = "台帳"
owner = "情報課"

[[feed]]
name = "person"
connector = "{connector}"
connection = "peer"
settings = {settings}
format = {{ kind = "arrow" }}
delivers = "delta"
schedule = "0 5 * * *"
record = "person"
field = [
  {{ to = "source_key", from = "atena_no" }},
  {{ to = "full_name", from = "shimei" }},
]
"""


@pytest.fixture
def hub(tmp_project: Path, followed: Followed) -> Path:
    for place in (tmp_project / "mappings").glob("*.toml"):
        place.unlink()
    values = ", ".join(f"{name} = {json.dumps(value)}" for name, value in followed.feed.settings.items())
    text = MAPPING.format(connector=followed.feed.connector, settings=f"{{ {values} }}")
    (tmp_project / "mappings" / "ledger.toml").write_text(text, "utf-8")
    lines = [f"{name} = {json.dumps(value)}" for name, value in followed.connection.settings.items()]
    (tmp_project / "var" / "connections.toml").write_text("\n".join(["[peer]", *lines, ""]), "utf-8")
    return tmp_project


def sync(hub: Path, as_of: date = DAY, **more: str) -> workflow.SyncResult:
    return workflow.sync_in(
        project.load(hub), "ledger.person", as_of=as_of, actor="tester", trigger="test", **more
    )


def held(registry: sa.Engine) -> dict[str, str | None]:
    query = "SELECT source_key, full_name FROM person_record WHERE known_to IS NULL AND NOT removed"
    with registry.connect() as connection:
        return {row.source_key: row.full_name for row in connection.execute(sa.text(query))}


def test_the_registry_follows_the_table(hub: Path, registry: sa.Engine, followed: Followed) -> None:
    followed.execute(
        followed.put("1", "髙﨑 𠮷郎"), followed.put("2", "葛\U000e0101城"), followed.put("3", "森")
    )
    assert sync(hub).counts.merged == 3

    followed.execute(followed.put("1", "改姓"), followed.drop("2"), followed.put("1", "再改姓"))
    followed.execute(followed.put("4", "新"), followed.drop("4"))
    sync(hub)
    followed.execute(followed.put("2", "戻る"))
    sync(hub, NEXT)

    assert held(registry) == followed.truth() == {"1": "再改姓", "2": "戻る", "3": "森"}
    with registry.connect() as connection:
        history = "SELECT full_name FROM person_record WHERE source_key = '1' ORDER BY record_id"
        names = connection.execute(sa.text(history)).scalars().all()
    assert names == ["髙﨑 𠮷郎", "改姓", "再改姓"]


def test_a_day_without_changes_is_delivered(hub: Path, registry: sa.Engine, followed: Followed) -> None:
    followed.execute(followed.put("1", "甲"))
    sync(hub)

    quiet = sync(hub, NEXT)

    assert quiet.delivered
    assert held(registry) == {"1": "甲"}


def test_an_emptied_table_stops_the_feed_until_it_is_read_whole(
    hub: Path, registry: sa.Engine, followed: Followed
) -> None:
    followed.execute(followed.put("1", "甲"), followed.put("2", "乙"))
    sync(hub)
    followed.execute(f"TRUNCATE TABLE {followed.table}", followed.put("3", "丙"))

    with pytest.raises(Stop, match="E_POSITION_LOST"):
        sync(hub, NEXT)
    assert held(registry) == {"1": "甲", "2": "乙"}

    again = sync(hub, NEXT, resnapshot="the table was emptied and loaded anew")
    assert again.delivered
    assert held(registry) == {"3": "丙"}
    followed.execute(followed.put("3", "丁"))
    sync(hub, NEXT)
    assert held(registry) == {"3": "丁"}
