"""The state of a hub, without times and ids of its own: two hubs that took in the same are equal."""

from pathlib import Path

import sqlalchemy as sa

from renkei.landing import Landing
from renkei.records import RECORD_TYPES
from renkei.registry.store import connect

_QUERIES = {
    "unit": """
        SELECT d.feed, d.name, u.part, u.records, u.merged, u.unchanged, u.superseded, u.rejected, u.ended
        FROM unit AS u JOIN delivery AS d USING (delivery_id)
    """,
    "delivery": "SELECT feed, name, sha256, as_of, verdict, error_code FROM delivery",
    "reject": "SELECT feed, rec_no, field, code, state FROM reject",
    "cursor": "SELECT feed, as_of, snapshot FROM cursor",
    "golden": "SELECT full_name, date_of_birth, sex, address, protected FROM golden_version WHERE known_to IS NULL",
    "link": "SELECT feed, source_key, rule FROM open_link",
    "protection": "SELECT feed, source_key, kind, end_told, closed_as FROM protection",
    "together": """
        SELECT array_agg(feed || ':' || source_key ORDER BY feed, source_key)
        FROM open_link GROUP BY resident_id
    """,
    "mismatch": "SELECT rule_id, field, class, left_key, right_key, gone_at IS NULL FROM mismatch",
    "case": 'SELECT subject_kind, cause, state, reopened FROM "case"',
    **{
        kind.table: f"SELECT feed, source_key, source_version, content_hash, removed, known_to IS NULL FROM {kind.table}"
        for kind in RECORD_TYPES.values()
    },
}


def state_of(url: str) -> dict[str, list[str]]:
    """Each table's rows as sorted text."""
    engine = connect(url)
    try:
        with engine.connect() as connection:
            return {
                name: sorted(str(tuple(row)) for row in connection.execute(sa.text(query)))
                for name, query in _QUERIES.items()
            }
    finally:
        engine.dispose()


def broken_promises(url: str, var: Path) -> list[str]:
    """What a checker finds wrong after everything has come to rest; empty when all holds."""
    engine = connect(url)
    landing = Landing(var / "landing")
    try:
        with engine.connect() as connection:
            named = set(connection.execute(sa.text("SELECT sha256 FROM object")).scalars())
            wrong = [f"object {name} is not whole" for name in named if not landing.verify(name)]
            for said, query in _CHECKS.items():
                count = connection.execute(sa.text(query)).scalar_one()
                wrong += [f"{count} × {said}"] if count else []
            return wrong
    finally:
        engine.dispose()


_CHECKS = {
    "unit without exactly one event": """
        SELECT count(*) FROM unit AS u
        WHERE 1 <> (
            SELECT count(*) FROM audit_event
            WHERE body LIKE '%"action":"unit.done"%' AND body LIKE '%"object":"unit:' || u.unit_id || '"%'
        )
    """,
    "event of a unit that is not there": """
        SELECT count(*) FROM audit_event
        WHERE body LIKE '%"action":"unit.done"%'
          AND NOT EXISTS (
              SELECT FROM unit AS u WHERE body LIKE '%"object":"unit:' || u.unit_id || '"%'
          )
    """,
    "merged record without its unit": """
        SELECT count(*) FROM person_record WHERE unit_id NOT IN (SELECT unit_id FROM unit)
    """,
    "unit whose merged count is not its rows": "SELECT count(*) FROM unit AS u WHERE u.merged <> "
    + " + ".join(
        f"(SELECT count(*) FROM {kind.table} WHERE unit_id = u.unit_id AND NOT removed)"
        for kind in RECORD_TYPES.values()
    ),
    "open record without a link": """
        SELECT count(*) FROM person_record AS p
        WHERE p.known_to IS NULL AND NOT p.removed
          AND NOT EXISTS (
              SELECT FROM link AS l
              WHERE l.feed = p.feed AND l.source_key = p.source_key AND l.known_to IS NULL
          )
    """,
    "cursor ahead of its units": """
        SELECT count(*) FROM cursor AS c
        WHERE c.as_of > (SELECT max(as_of) FROM unit AS u WHERE u.feed = c.feed)
    """,
}
