"""A town that moves from an old system to a new one: two feeds, a declaration, and faults planted in the move."""

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tests.integration.workflow.town import SHELF

from renkei import project, workflow

ROOT = Path(__file__).resolve().parents[3]
DAY = date(2026, 11, 20)
TERMS: dict[str, Any] = {"actor": "cli:tester", "trigger": "test"}

MAPPING = """
system = "{system}"
title = "住民"
owner = "市民課"

[[feed]]
name = "person"
connector = "shelf"
connection = "{system}"
format = {{ kind = "arrow" }}
delivers = "full"
schedule = "0 5 * * *"
lag = "1h"
record = "person"
field = [
  {{ to = "source_key", from = "no" }},
  {{ to = "source_version", from = "version" }},
  {{ to = "full_name", from = "name" }},
  {{ {born} }},
  {{ to = "sex", from = "sex" }},
  {{ to = "address", from = "address" }},
  {{ to = "household_number", from = "house" }},
  {{ to = "terminal", from = "memo" }},
  {{ to = "protected", from = "mark" }},
]
"""
SEX = """
title = "性別"

[[codes]]
code = "M"
to = "1"

[[codes]]
code = "F"
to = "2"
"""
DECLARED = """
title = "住民情報システムの移行"
title_en = "The move of the residents' system"
owner = "市民課"
old = "old.person"
new = "new.person"

[[key]]
old = "source_key"
old_steps = [{ pad = 6 }]
new = "source_key"

[[field]]
old = "full_name"
new = "full_name"
fold = "display"

[[field]]
old = "date_of_birth_raw"
old_steps = [{ wareki = "EYYMMDD" }]
new = "date_of_birth"

[[field]]
old = "sex"
old_steps = [{ code = "sex_of_old" }]
new = "sex"

[[field]]
old = "address"
new = "address"

[[field]]
old = "household_number"
old_strip = "0"
old_empty = "none"
new = "household_number"

[[not_carried]]
side = "old"
columns = ["terminal"]
reason = "端末名は新システムにない"

[[not_carried]]
side = "old"
columns = ["valid_from", "protected"]
reason = "届かない項目"

[[not_carried]]
side = "new"
columns = [
  "valid_from", "protected", "date_of_birth_raw", "date_of_birth_lo", "date_of_birth_hi", "date_of_birth_precision",
]
reason = "生年月日から導いた項目と、届かない項目"
"""
TOLERANCE = """
[[tolerance]]
of = "cells"
field = "address"
most = {most}
reason = "住所の末尾は新システムの桁数まで"
approved_by = "市民課長"
"""
#: Of this resident no value may be shown, whatever the purpose.
PROTECTED = 5
BIRTHS = ("S250101", "H010201", "R020301", "S640107", "S301231")
ISO = ("1950-01-01", "1989-02-01", "2020-03-01", "1989-01-07", "1955-12-31")


def old_people(count: int = 20) -> list[dict[str, str]]:
    """Residents of the old system, all of them made up: half-width readings, eras, padded households."""
    return [
        {
            "no": f"{nth}", "name": f"葛原　ﾊﾅ{nth}", "born": BIRTHS[nth % 5], "sex": "MF"[nth % 2],
            "address": f"葛原市本町{nth}番", "house": f"000{nth // 2}" if nth > 1 else "", "memo": "T01",
            "mark": "protected" if nth == PROTECTED else "none",
        }
        for nth in range(1, count + 1)
    ]  # fmt: skip


def moved(people: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same as the new system should have them."""
    return [
        {
            "no": row["no"].zfill(6), "name": row["name"].replace("ﾊﾅ", "ハナ"), "born": ISO[int(row["no"]) % 5],
            "sex": "12"[int(row["no"]) % 2], "address": row["address"],
            "house": row["house"].lstrip("0") or ("0" if row["house"] else "none"), "memo": "",
            "mark": row["mark"],
        }
        for row in people
    ]  # fmt: skip


@dataclass
class Town:
    """The city's folder, with its two shelves."""

    root: Path

    def deliver(self, system: str, rows: list[dict[str, str]], as_of: date = DAY) -> None:
        """One whole delivery, taken in."""
        place = self.root / f"{system}.json"
        held = json.loads(place.read_text("utf-8")) if place.exists() else []
        made = {"rows": rows, "version": f"{len(held):03}", "columns": ["version", *rows[0]]}
        place.write_text(json.dumps([*held, made]), "utf-8")
        done = workflow.sync_in(project.load(self.root), f"{system}.person", as_of=as_of, **TERMS)
        assert (done.state, done.counts.rejected) == ("done", 0)

    def declare(self, name: str, text: str = DECLARED, *, more: str = "") -> None:
        folder = self.root / "reconciliation" / "migrations"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.toml").write_text(text + more, "utf-8")


def build(root: Path) -> Town:
    """The town's folder with nothing delivered."""
    for name in ("connectors", "mappings", "reconciliation"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("mappings", "reconciliation"):
        for place in (root / folder).rglob("*.toml"):
            place.unlink()
    for system, born in (("old", '"date_of_birth_raw"'), ("new", '"date_of_birth", steps = ["iso_date"]')):
        text = MAPPING.format(system=system, born=f'from = "born", to = {born}')
        (root / "mappings" / f"{system}.toml").write_text(text, "utf-8")
    (root / "mappings" / "codes" / "sex_of_old.toml").write_text(SEX, "utf-8")
    (root / "connectors" / "shelf.py").write_text(SHELF, "utf-8")
    config = (
        (ROOT / "renkei.toml").read_text("utf-8").replace('approval = "two people"', 'approval = "none"', 1)
    )
    (root / "renkei.toml").write_text(config, "utf-8")
    (root / "var").mkdir(mode=0o755)
    shelves = (f'[{system}]\nplace = "{root / system}.json"\n' for system in ("old", "new"))
    (root / "var" / "connections.toml").write_text("".join(shelves), "utf-8")
    return Town(root=root)
