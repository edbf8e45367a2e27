"""A town of one feed whose whole deliveries are CSV files, for what a contract holds, notes and sets aside."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from renkei import project, workflow
from renkei.clock import Clock

DAY = date(2026, 11, 20)
TERMS = {"actor": "cli:asako", "trigger": "test"}
MAPPING = Path("mappings", "counter.toml")

#: A connector to a list of files; each is a whole delivery.
PILE = """
import hashlib, shutil
from pathlib import Path
from renkei.model import Delivery

def connect(connection, *, workdir):
    return Pile(workdir, Path(connection.settings["place"]))

class Pile:
    replayable, ordered, idempotent, notes = True, True, False, ()

    def __init__(self, workdir, place):
        self.workdir, self.place = workdir, place

    def test(self):
        return {}

    def pull(self, feed, since):
        start = since.position.get("taken", -1) + 1
        known = since.position.get("seen", {})
        for number, each in enumerate(sorted(self.place.glob("*.csv"))):
            if number < start:
                continue
            path = self.workdir / each.name
            shutil.copy(each, path)
            data = path.read_bytes()
            yield Delivery(feed=feed.id, name=each.name, path=path, bytes=len(data),
                           sha256=hashlib.sha256(data).hexdigest(), position={"taken": number})
"""
DECLARED = """
system = "counter"
title = "窓口"
owner = "市民課"

[[feed]]
name = "person"
connector = "pile"
connection = "pile"
format = { kind = "csv", encoding = "utf-8", eol = "lf", unproved = "試験" }
delivers = "full"
schedule = "0 5 * * *"
lag = "1h"
record = "person"

[[feed.field]]
to = "source_key"
from = "no"

[[feed.field]]
to = "valid_from"
from = "since"
steps = ["iso_date"]

[[feed.field]]
to = "full_name"
from = "name"
max = 8

[[feed.field]]
to = "address"
from = "address"

[[feed.field]]
to = "household_number"
from = "household"

[[feed.field]]
to = "resident_kind"
from = "kind"
steps = [{ code = "counter_kind" }]

[feed.contract]
mode = "freeze"
"""
CODES = """title = "住民の種別"

[[codes]]
code = "1"
to = "japanese"

[[codes]]
code = "2"
to = "foreign"
"""


def people(count: int = 200) -> list[dict[str, str]]:
    """So many residents, all of them made up."""
    return [
        {
            "no": f"{nth:05d}",
            "since": "2020-04-01",
            "name": f"葛原　{'花梅松竹'[nth % 4]}{'子美男'[nth % 3]}",
            "address": f"本町{nth % 37}番{nth % 11}号",
            "household": f"S{nth // 2 + 7000}",
            "kind": "12"[nth % 9 == 0],
        }
        for nth in range(1, count + 1)
    ]


def told(rows: list[dict[str, str]]) -> bytes:
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(",".join(line) + "\n" for line in lines).encode()


@dataclass
class Counter:
    """The sender's side and the hub's."""

    root: Path
    registry: sa.Engine
    day: date = DAY

    def send(
        self, rows: list[dict[str, str]], *, content: bytes | None = None, clock: Clock | None = None
    ) -> workflow.SyncResult:
        """One more day: its file (``content`` where it is not the rows as CSV), and a run."""
        self.lay(rows, content=content)
        return self.run(clock=clock)

    def lay(self, rows: list[dict[str, str]], *, content: bytes | None = None) -> None:
        """One more day's file, that no run has taken yet."""
        self.day += timedelta(days=1)
        place = self.root / "var" / "pile" / f"{self.day:%Y%m%d}.csv"
        place.write_bytes(told(rows) if content is None else content)

    def run(self, **more: Any) -> workflow.SyncResult:
        return workflow.sync_in(project.load(self.root), "counter.person", as_of=self.day, **TERMS, **more)

    def edit(self, old: str, new: str, place: Path = MAPPING) -> None:
        text = (self.root / place).read_text("utf-8")
        assert old in text
        (self.root / place).write_text(text.replace(old, new), "utf-8")

    def rows(self, query: str) -> list[Any]:
        with self.registry.connect() as connection:
            return list(connection.execute(sa.text(query)))

    def one(self, query: str) -> Any:
        return self.rows(query)[0][0]

    @property
    def merged(self) -> int:
        return int(self.one("SELECT count(*) FROM unit"))

    @property
    def facts(self) -> dict[str, Any]:
        return self.one("SELECT error_facts FROM delivery ORDER BY delivery_id DESC LIMIT 1")


def build(root: Path, registry: sa.Engine) -> Counter:
    """The feed beside the city's own, with nothing merged yet."""
    (root / "connectors" / "pile.py").write_text(PILE, "utf-8")
    (root / MAPPING).write_text(DECLARED, "utf-8")
    (root / "mappings" / "codes" / "counter_kind.toml").write_text(CODES, "utf-8")
    pile = root / "var" / "pile"
    pile.mkdir()
    (root / "var" / "connections.toml").write_text(f'[pile]\nplace = "{pile}"\n', "utf-8")
    config = root / "renkei.toml"
    text = (
        config.read_text("utf-8").replace("share = 0.05", "share = 0.4").replace("least = 100", "least = 150")
    )
    config.write_text(text, "utf-8")
    return Counter(root=root, registry=registry)
