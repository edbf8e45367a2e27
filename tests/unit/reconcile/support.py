"""Small worlds for the reconciliation tests: feeds with their lags, snapshots from text tables, one rule."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from renkei.engine.duck import DuckEngine
from renkei.reconcile import FeedTerms, Rule, Source, load_rules
from renkei.reconcile.example import table_of
from renkei.reconcile.find import Found, find
from renkei.reconcile.relation import LINK_SCHEMA, columns_of
from renkei.snapshot import Snapshot

ROOT = Path(__file__).resolve().parents[3]
DAY, NIGHT = timedelta(hours=1), timedelta(hours=26)
TERMS = {
    "juki.resident": FeedTerms(record="person", lag=DAY),
    "tax.taxpayer": FeedTerms(record="person", lag=NIGHT),
    "tax.assessment": FeedTerms(record="tax", lag=NIGHT),
    "welfare.recipient": FeedTerms(record="person", lag=NIGHT),
    "welfare.benefit": FeedTerms(record="benefit", lag=NIGHT),
    "welfare.account": FeedTerms(record="account", lag=NIGHT),
    "welfare.double_entitlement": FeedTerms(record="double_entitlement", lag=NIGHT),
    "tax.property": FeedTerms(record="property", lag=NIGHT),
    "tax.dependant": FeedTerms(record="dependant", lag=NIGHT),
    "tax.returned_mail": FeedTerms(record="returned_mail", lag=NIGHT),
    "tax.representation": FeedTerms(record="representation", lag=NIGHT),
}
AS_OF = date(2026, 11, 20)
#: A difference of addresses between 住基 and 税, in as few words as a rule may have.
RULE = """\
id = "R90"
title = "住所の相違"
title_en = "Addresses differ"
severity = 2
owner = "市民課"
legal_basis = "住基法3条"
action = "確認する"
action_en = "Check"
compare = ["juki.resident", "tax.taxpayer"]
valid_from = 2020-01-01
sql = \"\"\"
SELECT
    j.resident_id, 'R90:address' AS cause, 'address' AS field, 'other_place' AS class,
    'juki.resident' AS left_feed, j.source_key AS left_key,
    'tax.taxpayer' AS right_feed, t.source_key AS right_key,
    j.address_since AS since
FROM juki.resident AS j
JOIN tax.taxpayer AS t ON t.resident_id = j.resident_id
WHERE j.address_key <> t.address_key
\"\"\"

[[must_find]]
story = "相違"
as_of = 2026-11-20
given."juki.resident" = \"\"\"
resident_id | source_key | address_key | address_since
1           | J1         | 本町1       | 2026-11-01
\"\"\"
given."tax.taxpayer" = \"\"\"
resident_id | source_key | address_key
1           | T1         | 新町5
\"\"\"
finds = \"\"\"
resident_id | left_key | right_key
1           | J1       | T1
\"\"\"

[[must_not_find]]
story = "一致"
as_of = 2026-11-20
given."juki.resident" = \"\"\"
resident_id | source_key | address_key | address_since
1           | J1         | 本町1       | 2026-11-01
\"\"\"
given."tax.taxpayer" = \"\"\"
resident_id | source_key | address_key
1           | T1         | 本町1
\"\"\"
"""


def rules_of(folder: Path, *texts: str) -> tuple[Rule, ...]:
    """Rules from texts, each in the file that its id asks for."""
    folder.mkdir(exist_ok=True)
    for text in texts:
        rule_id = text.split('"')[1]
        (folder / f"{rule_id}_case.toml").write_text(text, "utf-8")
    return load_rules(folder, terms=TERMS)


def sources_of(
    folder: Path,
    tables: Mapping[str, str],
    *,
    as_of: date = AS_OF,
    late: Mapping[str, date | None] | None = None,
) -> list[Source]:
    """A snapshot for each feed of the city; ``late`` feeds stopped on that day, or never came (None)."""
    stopped = dict(late or {})
    made = []
    for feed, terms in TERMS.items():
        day = stopped.get(feed, as_of)
        place = folder / f"{feed}.parquet"
        pq.write_table(_snapshot(tables.get(feed, "as_of"), terms.record), place)
        made.append(
            Source(feed=feed, terms=terms, snapshot=Snapshot(whole=place) if day else None, as_of=day)
        )
    return made


def _snapshot(text: str, record: str) -> pa.Table:
    whole = table_of(text, columns_of(record), as_of=AS_OF)
    return whole.drop_columns(["resident_id", "as_of"])


def links_of(text: str) -> pa.Table:
    """Open links from a text table."""
    from renkei.reconcile.example import rows_of

    rows = rows_of(text)
    columns = {name: [row[name] for row in rows] for name in ("feed", "source_key")}
    residents = [int(row["resident_id"]) for row in rows]
    return pa.Table.from_pydict(columns | {"resident_id": residents}, schema=LINK_SCHEMA)


LINKS = """
feed         | source_key | resident_id
juki.resident | J1        | 1
juki.resident | J2        | 2
tax.taxpayer  | T1        | 1
tax.taxpayer  | T2        | 2
"""


def found_in(
    rules: tuple[Rule, ...],
    sources: list[Source],
    *,
    as_of: date = AS_OF,
    hub: Mapping[str, pa.Table] | None = None,
) -> Found:
    """Everything the rules find in these snapshots, with the links above."""
    with DuckEngine(threads=1) as engine:
        return find(engine, rules, sources=sources, links=links_of(LINKS), hub=hub or {}, as_of=as_of)
