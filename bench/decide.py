"""How long a decision takes (判定): two residents joined by one person's word, and parted again.

``python -m bench.decide --residents 20000`` fills a registry of its own with people who never were, each in
three systems, and takes and withdraws decisions by the verbs themselves: each with its transaction, its
golden records and its audit event. One JSON line a verb: milliseconds at the median and at 95 of 100.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from bench.lines import say
from renkei import project, workflow
from renkei.model import REJECT_SCHEMA, Mapped
from renkei.project import Project
from renkei.records import PERSON
from renkei.registry import golden, merge
from renkei.registry.difference import Present, compare
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect, migrate

FEEDS = ("juki.resident", "tax.taxpayer", "welfare.recipient")
_ROOT = Path(__file__).resolve().parents[1]
_DAY = date(2026, 11, 20)
_BY = {"actor": "cli:bench", "reason": "bench"}


def measure(*, residents: int, decisions: int, seed: int) -> None:
    """Join and part so many pairs of residents, and print how long each verb took."""
    with TemporaryDirectory(prefix="renkei-decide-") as folder:
        cluster = Cluster(Path(folder) / "pg")
        cluster.start()
        try:
            cluster.create_database("decide")
            migrate(cluster.url("decide"))
            os.environ["RENKEI_DATABASE_URL"] = cluster.url("decide")
            _fill(cluster.url("decide"), residents)
            _contest(_city(Path(folder) / "city"), residents, decisions, random.Random(seed))
        finally:
            cluster.stop()


def _city(folder: Path) -> Project:
    """The sample city's own folders, in force by their archive; one person may decide."""
    for name in ("connectors", "mappings", "reconciliation"):
        shutil.copytree(_ROOT / name, folder / name)
    before, section, after = (_ROOT / "renkei.toml").read_text("utf-8").partition("[decisions]")
    alone = after.replace('approval = "two people"', 'approval = "one person"', 1)
    (folder / "renkei.toml").write_text(before + section + alone, "utf-8")
    return project.load(folder)


def _fill(url: str, residents: int) -> None:
    engine = connect(url)
    trust = dict.fromkeys(golden.GROUPS, tuple(feed.partition(".")[0] for feed in FEEDS))
    for unit_id, feed in enumerate(FEEDS, 1):
        mapped = Mapped(
            feed=feed, record="person", records=_people(feed, residents), rejects=REJECT_SCHEMA.empty_table(),
            mapping_digest="-",
        )  # fmt: skip
        unit = merge.UnitOfWork(
            feed=feed, record="person", unit_id=unit_id, delivery_id=1,
            as_of=_DAY, now=datetime(2026, 11, 20, 20, tzinfo=UTC), trust=trust, refuse_contradictions=True,
        )  # fmt: skip
        with engine.begin() as connection:
            merge.absorb(connection, compare(mapped, Present(), as_of=_DAY), unit)
        say(f"{feed}: {residents:,} people")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()


def _people(feed: str, residents: int) -> pa.Table:
    """One number each in every system; one in 1000 is marked (支援措置)."""
    numbers = range(residents)
    keys = [f"{number:08}" for number in numbers]
    born = [date(1930 + number % 80, 1 + number % 12, 1 + number % 28) for number in numbers]
    columns: dict[str, list[object]] = {
        "__rec_no": [*range(1, residents + 1)],
        "source_key": [f"{feed[0]}{key}" for key in keys],
        "source_version": ["1"] * residents,
        "valid_from": [_DAY] * residents,
        "numbering": ["resident"] * residents,
        "party_number": [*keys],
        "full_name": [f"架空 {key}" for key in keys],
        "name_key": [f"架空{key}" for key in keys],
        "kana_key": [f"カクウ{key}" for key in keys],
        "sex": [str(1 + number % 2) for number in numbers],
        "date_of_birth": [*born],
        "date_of_birth_lo": [*born],
        "date_of_birth_hi": [*born],
        "resident_status": ["resident"] * residents,
        "address": [f"本町{number // 2}" for number in numbers],
        "address_key": [f"本町{number // 2}" for number in numbers],
        "match_key": [f"架空{key}" for key in keys],
        "household_number": [f"{number // 2}" for number in numbers],
        "protected": ["protected" if number % 1000 == 7 else "none" for number in numbers],
    }
    empty: list[object] = [None] * residents
    return pa.table({name: columns.get(name, empty) for name in PERSON.schema.names}, schema=PERSON.schema)


def _contest(city: Project, residents: int, decisions: int, chance: random.Random) -> None:
    spent: dict[str, list[float]] = {
        "same": [],
        "withdraw same": [],
        "different": [],
        "withdraw different": [],
    }
    for nth in range(decisions + 1):
        one, other = (f"{number:08}" for number in chance.sample(_free(residents), 2))
        pairs = {
            "same": (f"juki.resident:j{one}", f"juki.resident:j{other}"),
            "different": (f"juki.resident:j{one}", f"tax.taxpayer:t{one}"),
        }
        for kind, names in pairs.items():
            made, seconds = _timed(lambda kind=kind, names=names: workflow.decide(city, kind, names, **_BY))
            _, back = _timed(lambda made=made: workflow.withdraw_decision(city, made.number, **_BY))
            if nth:  # the first one founds the declarations and fills every cache
                spent[kind].append(seconds)
                spent[f"withdraw {kind}"].append(back)
    for name, taken in spent.items():
        hundredths = statistics.quantiles(taken, n=100)
        told = {"verb": name, "residents": residents, "decisions": decisions}
        in_ms = {f"p{each}_ms": round(hundredths[each - 1] * 1000, 1) for each in (50, 95)}
        print(json.dumps({**told, **in_ms}), flush=True)


def _free(residents: int) -> list[int]:
    """Those whom one person may decide on: neither marked nor of a marked one's household."""
    return [number for number in range(residents) if number % 1000 not in (6, 7)]


def _timed(act: Callable[[], workflow.Decided]) -> tuple[workflow.Decided, float]:
    begun = time.perf_counter()
    made = act()
    return made, time.perf_counter() - begun


if __name__ == "__main__":
    asked = argparse.ArgumentParser(prog="python -m bench.decide", description=__doc__)
    asked.add_argument("--residents", type=int, default=20_000, metavar="N")
    asked.add_argument("--decisions", type=int, default=100, metavar="N")
    asked.add_argument("--seed", type=int, default=1, metavar="S")
    measure(**vars(asked.parse_args()))
