"""Who may not be shown (閲覧制限): the view beside the expression over all records that it replaced.

``python -m bench.restricted --residents 100000`` fills a registry of its own with people who never were, asks
both for the same set, in turns, and fails when they differ.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from bench.lines import say
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect, migrate

_BEFORE = """
    WITH marked AS MATERIALIZED (
        SELECT r.feed, r.source_key, r.household_number FROM person_record r
        WHERE r.protected = 'protected' AND (r.known_to IS NULL OR EXISTS (
            SELECT FROM person_record t
            WHERE t.feed = r.feed AND t.source_key = r.source_key AND t.known_to IS NULL AND t.removed))
        UNION SELECT p.feed, p.source_key, p.household_number
        FROM golden_version g JOIN open_link l USING (resident_id)
        JOIN person_record p USING (feed, source_key)
        WHERE g.protected IS DISTINCT FROM 'none' AND g.known_to IS NULL AND p.known_to IS NULL
    ), sheltered AS MATERIALIZED (
        SELECT feed, source_key FROM marked
        UNION SELECT p.feed, p.source_key FROM marked JOIN person_record p USING (feed, household_number)
        WHERE p.known_to IS NULL AND p.household_number <> ''
    )
    SELECT l.resident_id FROM sheltered JOIN open_link l USING (feed, source_key)
    UNION SELECT resident_id FROM golden_version
    WHERE known_to IS NULL AND protected IS DISTINCT FROM 'none'
"""
_NOW = "SELECT resident_id FROM restricted_resident"
_ONE = "SELECT is_restricted(8) OR is_restricted(107)"

#: Each resident in three systems, two to a household; one in 1000 marked, one in 100 known to nobody's list.
_PEOPLE = """
    INSERT INTO person_record (feed, source_key, source_version, valid_from, household_number, protected,
        content_hash, known_from, unit_id, rec_no)
    SELECT s.feed, 'K' || n, '1', '2026-11-20', s.prefix || n / 2,
        CASE WHEN n % 100 = 50 THEN NULL WHEN n % 1000 = 7 AND s.place < 2 THEN 'protected' ELSE 'none' END,
        'h', now(), 1, n
    FROM generate_series(1, {residents}) AS n,
        (VALUES ('juki.resident', 'J', 1), ('tax.taxpayer', 'T', 2), ('welfare.recipient', 'W', 3))
            AS s (feed, prefix, place);
    INSERT INTO link (resident_id, home_id, feed, source_key, rule, valid_from, known_from, unit_id)
    SELECT rec_no, rec_no * 3 + CASE feed WHEN 'juki.resident' THEN 0 WHEN 'tax.taxpayer' THEN 1 ELSE 2 END,
        feed, source_key, 'strong_id', valid_from, known_from, unit_id
    FROM person_record;
    INSERT INTO golden_rule (body) VALUES ('{{}}');
    INSERT INTO golden_version (resident_id, protected, golden_rule_id, valid_from, known_from, unit_id)
    SELECT rec_no,
        CASE WHEN bool_or(protected = 'protected') THEN 'protected' ELSE max(protected) END,
        (SELECT max(golden_rule_id) FROM golden_rule), '2026-11-20', now(), 1
    FROM person_record
    GROUP BY rec_no;
"""
_MARKS = """
    INSERT INTO protection (feed, source_key, home_id, record_id, known_from, unit_id)
    SELECT p.feed, p.source_key, l.home_id, p.record_id, p.known_from, p.unit_id
    FROM person_record AS p
    JOIN open_link AS l USING (feed, source_key)
    WHERE p.protected = 'protected'
"""


def measure(*, residents: int, rounds: int) -> None:
    """One JSON line a way: the best of some rounds in milliseconds, and how many are restricted."""
    with TemporaryDirectory(prefix="renkei-restricted-") as folder:
        cluster = Cluster(Path(folder) / "pg", settings={"fsync": "off"})
        cluster.start()
        try:
            cluster.create_database("restricted")
            migrate(cluster.url("restricted"))
            engine = connect(cluster.url("restricted"))
            _fill(engine, residents)
            _contest(engine, residents, rounds)
            engine.dispose()
        finally:
            cluster.stop()


def _fill(engine: sa.Engine, residents: int) -> None:
    say(f"{residents:,} residents")
    with engine.begin() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.execute(sa.text(_PEOPLE.format(residents=residents).replace(":", r"\:")))
        connection.exec_driver_sql(_MARKS)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _contest(engine: sa.Engine, residents: int, rounds: int) -> None:
    ways = {"before": _BEFORE, "view": _NOW, "two residents asked for": _ONE}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, set[int]] = {}
    for _ in range(rounds):
        for name, query in ways.items():
            with engine.connect() as connection:
                begun = time.perf_counter()
                found[name] = set(connection.exec_driver_sql(query).scalars())
                spent[name].append(time.perf_counter() - begun)
    if found["before"] != found["view"]:
        raise SystemExit("the view and the expression name different people")
    for name, seconds in spent.items():
        told = {"way": name, "residents": residents, "restricted": len(found["view"]), "rounds": rounds}
        print(json.dumps({**told, "milliseconds": round(min(seconds) * 1000, 1)}), flush=True)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(prog="python -m bench.restricted", description=__doc__)
    asked.add_argument("--residents", type=int, default=100_000, metavar="N")
    asked.add_argument("--rounds", type=int, default=3, metavar="N")
    measure(**vars(asked.parse_args()))
