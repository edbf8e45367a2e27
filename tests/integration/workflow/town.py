"""A town of one feed whose whole deliveries lie on a shelf, with its own rule, under approval by two people."""

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from renkei import project, workflow

DAY = date(2026, 11, 20)
NEXT = DAY + timedelta(days=1)
AUTHOR, APPROVER = "cli:asako", "cli:bunta"
RULE = Path("reconciliation", "R01_no_address.toml")
#: What ``renkei.toml`` says of approving declarations; decisions have a setting of the same words.
TWO_PEOPLE, ONE_PERSON, NOBODY = (
    f'[declarations]\napproval = "{words}"' for words in ("two people", "one person", "none")
)
MAPPING = Path("mappings", "town.toml")

#: A connector to a list of deliveries on a shelf; one with ``is_part`` holds only what changed, and one with
#: ``columns`` has those in place of the town's own.
SHELF = """
import hashlib, json
from pathlib import Path
import pyarrow as pa
from renkei.model import GONE, Delivery

def connect(connection, *, workdir):
    return Shelf(workdir, Path(connection.settings["place"]))

class Shelf:
    replayable, ordered, idempotent, notes = True, True, False, ()

    def __init__(self, workdir, place):
        self.workdir, self.place = workdir, place

    def test(self):
        return {}

    def pull(self, feed, since):
        start = since.position.get("taken", -1) + 1
        for number, each in list(enumerate(json.loads(self.place.read_text())))[start:]:
            yield self.delivery(feed.id, number, each)

    def delivery(self, feed, number, each):
        rows = [{"version": each["version"], **row} for row in each["rows"]]
        columns = each.get("columns", ("no", "version", "since", "name", "address", "kind"))
        table = pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in columns]))
        path = self.workdir / f"{number}.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        data = path.read_bytes()
        return Delivery(feed=feed, name="shelf", path=path, bytes=len(data),
                        sha256=hashlib.sha256(data).hexdigest(), records=len(rows),
                        position={"taken": number}, is_whole=not each.get("is_part", False))
"""
DECLARED = """
system = "town"
title = "住民"
owner = "市民課"

[[feed]]
name = "person"
connector = "shelf"
connection = "shelf"
format = { kind = "arrow" }
delivers = "full"
schedule = "0 5 * * *"
lag = "1h"
record = "person"
field = [
  { to = "source_key", from = "no", steps = [{ matches = "^[0-9]+$" }] },
  { to = "source_version", from = "version" },
  { to = "valid_from", from = "since", steps = ["iso_date"] },
  { to = "full_name", from = "name" },
  { to = "address", from = "address", steps = ["trim"] },
  { to = "resident_kind", from = "kind", steps = [{ code = "kind" }] },
]
"""
CODES = """
title = "住民の種別"

[[codes]]
code = "1"
to = "japanese"

[[codes]]
code = "2"
to = "foreign"
"""
NO_ADDRESS = """
id = "R01"
title = "住所がない"
title_en = "No address"
severity = 2
owner = "市民課"
legal_basis = "住民基本台帳法7条"
action = "住所を確かめる"
action_en = "Find the address"
compare = ["town.person"]
valid_from = 2020-04-01
sql = '''
SELECT
    p.resident_id,
    'R01:address' AS cause,
    'address' AS field,
    'missing' AS class,
    'town.person' AS left_feed,
    p.source_key AS left_key,
    'town.person' AS right_feed,
    p.source_key AS right_key,
    CAST(DATE '2026-11-01' AS DATE) AS since
FROM town.person AS p
WHERE p.address IS NULL
'''

[[must_find]]
story = "住所が空"
as_of = 2026-11-20
given."town.person" = '''
resident_id | source_key | address
1           | 1          |
'''
finds = '''
resident_id | left_key
1           | 1
'''

[[must_not_find]]
story = "住所がある"
as_of = 2026-11-20
given."town.person" = '''
resident_id | source_key | address
1           | 1          | 本町1
'''
"""


def people(count: int, **more: str) -> list[dict[str, str]]:
    """So many residents, all of them made up."""
    return [
        {
            "no": f"{nth}",
            "since": "2020-04-01",
            "name": f"葛原 花{nth}",
            "address": f"本町{nth}番",
            "kind": "1",
            **more,
        }
        for nth in range(1, count + 1)
    ]


@dataclass
class Town:
    """The folder that an engineer edits, the source's shelf, and the registry."""

    root: Path
    registry: sa.Engine
    shelf: list[dict[str, Any]] = field(default_factory=list)

    def deliver(self, rows: list[dict[str, str]], **more: Any) -> None:
        self.shelf.append({"rows": rows, "version": f"{len(self.shelf):03}", **more})
        (self.root / "shelf.json").write_text(json.dumps(self.shelf), "utf-8")

    def edit(self, place: Path, old: str, new: str) -> None:
        file = self.root / place
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new), "utf-8")

    def sync(self, as_of: date = DAY, **more: Any) -> workflow.SyncResult:
        return workflow.sync_in(
            project.load(self.root), "town.person", as_of=as_of, actor="tester", trigger="test", **more
        )

    def reconcile(self, as_of: date = DAY) -> workflow.ReconcileResult:
        return workflow.reconcile(project.load(self.root), as_of=as_of, actor="tester", trigger="test")

    def propose(self, author: str = AUTHOR, **more: Any) -> workflow.Change:
        made = workflow.propose(project.load(self.root), author=author, **more)
        assert made is not None
        return made

    def apply(self, plan_id: int, actor: str = APPROVER, **more: Any) -> Any:
        return workflow.apply(project.load(self.root), plan_id, actor=actor, **more)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.registry.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def held(self, column: str) -> dict[str, Any]:
        query = f"SELECT source_key, {column} FROM person_record WHERE known_to IS NULL AND NOT removed"
        return {row[0]: row[1] for row in self.rows(query)}

    def state(self) -> list[tuple[Any, ...]]:
        """Everything that a plan must not touch."""
        tables = ("person_record", "unit", "delivery", "cursor", "run", '"case"', "mismatch", "declaration")
        return [self.rows(f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} AS t")[0]
                for table in tables]  # fmt: skip

    def plan_state(self, plan_id: int) -> str:
        return str(self.rows(f"SELECT state FROM plan WHERE plan_id = {plan_id}")[0][0])

    def events(self) -> list[str]:
        return [
            row[0]
            for row in self.rows("SELECT body::json ->> 'action' FROM audit_event ORDER BY occurred_at")
        ]


def build(root: Path, registry: sa.Engine) -> Town:
    """The town in a copy of the city's folders; nothing is in force yet."""
    for folder in ("mappings", "reconciliation"):
        for place in (root / folder).rglob("*.toml"):
            place.unlink()
    (root / MAPPING).write_text(DECLARED, "utf-8")
    (root / "mappings" / "codes" / "kind.toml").write_text(CODES, "utf-8")
    (root / RULE).write_text(NO_ADDRESS, "utf-8")
    (root / "connectors" / "shelf.py").write_text(SHELF, "utf-8")
    config = (root / "renkei.toml").read_text("utf-8").replace('approval = "none"', 'approval = "two people"')
    (root / "renkei.toml").write_text(config.replace("least = 100", "least = 5"), "utf-8")
    connections = f'[shelf]\nplace = "{root / "shelf.json"}"\n'
    (root / "var" / "connections.toml").write_text(connections, "utf-8")
    return Town(root=root, registry=registry)
