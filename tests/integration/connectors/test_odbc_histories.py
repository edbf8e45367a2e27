"""Whatever happens to a table between pulls, what was delivered adds up to what is there after a sweep."""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.connectors.peers import CONNECTORS, Juki, feed_of

from renkei.model import GONE

#: Few keys and few moments, so that changes meet: ties, late ones, ones without a new time.
KEYS, MOMENTS = st.sampled_from("abcde"), st.integers(0, 4)
WRITE = st.tuples(st.just("write"), KEYS, MOMENTS, st.sampled_from(["髙", "高", "", None, "一\n二"]))
DELETE = st.tuples(st.just("delete"), KEYS)
PULL = st.tuples(st.sampled_from(["pull", "sweep", "cut"]))
HISTORY = st.lists(WRITE | DELETE | PULL, max_size=14)
TABLE = """
DROP TABLE IF EXISTS juki.ido;
CREATE TABLE juki.ido (no varchar(3) PRIMARY KEY, naiyo text, koshin_ts timestamp);
GRANT SELECT ON juki.ido TO renkei_pull
"""


class Hub:
    """Pulls as the connector does, in this process, and holds what was delivered."""

    def __init__(self, child: ModuleType, order: dict[str, Any]) -> None:
        self._pull, self._order = child.pull, order
        self.position: dict[str, Any] = {}
        self.held: dict[str, str | None] = {}

    def take(self, *, sweep: float, merges: bool = True) -> None:
        """One pull; ``merges`` is false where the hub is lost before it has taken the delivery in."""
        delta = {**self._order["delta"], "sweep": sweep}
        answer = json.loads(json.dumps(self._pull({**self._order, "delta": delta, "since": self.position})))
        if answer["sha256"] is None or not merges:
            return
        self.position = answer["position"]
        self.held = {} if answer["is_whole"] else self.held
        for row in _rows(Path(self._order["part"])):
            self.held.pop(row["no"], None)
            self.held |= {} if row.get(GONE) else {row["no"]: row["naiyo"]}


def _rows(part: Path) -> list[dict[str, Any]]:
    import pyarrow as pa

    with pa.OSFile(str(part)) as file:
        rows: list[dict[str, Any]] = pa.ipc.open_file(file).read_all().to_pylist()
    return rows


@pytest.fixture
def child(odbc: ModuleType) -> Iterator[ModuleType]:
    """The child's module, without its process."""
    sys.path.append(str(CONNECTORS / "parts"))
    yield import_module("odbc_child.pull")
    sys.path.remove(str(CONNECTORS / "parts"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY, overlap=st.sampled_from([0.0, 90.0]))
def test_every_history_adds_up_after_a_sweep(
    odbc: ModuleType, child: ModuleType, juki: Juki, tmp_path: Path, history: list[Any], overlap: float
) -> None:
    feed = feed_of("odbc", table="juki.ido", key="no", chunk=2)
    order = {
        **odbc.connect(juki.connection, workdir=tmp_path)._order(feed.id), **odbc._wishes(feed), "verb": "pull",
        "part": str(tmp_path / "part"), "folder": str(tmp_path), "seen": [], "epoch": 1,
        "delta": {"changed_at": "koshin_ts", "overlap": overlap, "sweep": 0.0},
    }  # fmt: skip
    hub = Hub(child, order)
    with psycopg.connect(juki.cluster.url("juki").replace("+psycopg", ""), autocommit=True) as source:
        source.execute(TABLE)
        for step in history:
            if step[0] == "write":
                write(source, *step[1:])
            elif step[0] == "delete":
                source.execute("DELETE FROM juki.ido WHERE no = %s", step[1:])
            else:
                hub.take(sweep=0.0 if step[0] == "sweep" else 1e9, merges=step[0] != "cut")
        hub.take(sweep=0.0)

        truth = dict(source.execute("SELECT no, naiyo FROM juki.ido").fetchall())
    assert hub.held == truth


def write(source: "psycopg.Connection[Any]", key: str, minute: int, text: str | None) -> None:
    """An earlier minute than that of the last pull is a commit that came late."""
    source.execute(
        "INSERT INTO juki.ido VALUES (%s, %s, timestamp '2026-04-01' + %s * interval '1 minute')"
        " ON CONFLICT (no) DO UPDATE SET naiyo = excluded.naiyo, koshin_ts = excluded.koshin_ts",
        (key, text, minute),
    )
