"""A feed's first load, joined in memory while it is written, leaves what the few would have left."""

from random import Random

import pytest
import sqlalchemy as sa
from tests.integration.registry.test_identity import population
from tests.integration.registry.test_merge import first, take

from renkei.registry import golden, merge
from renkei.registry.identity import columns, incoming

#: What a registry holds of a population, under the keys of its records and never under ids.
QUERIES = {
    "links": """
        SELECT l.feed, l.source_key, l.rule, l.via_feed, l.via_key, l.numbering, l.party_number, l.valid_from, f.source_key
        FROM open_link AS l JOIN open_link AS f ON f.home_id = l.resident_id WHERE (l.feed LIKE '%~') = :many
    """,
    "strong numbers": """
        SELECT l.feed, l.source_key, s.kind, s.value
        FROM strong_number AS s JOIN open_link AS l USING (home_id) WHERE (l.feed LIKE '%~') = :many
    """,
    "residents": """
        SELECT l.feed, l.source_key
        FROM resident AS r JOIN open_link AS l ON l.home_id = r.resident_id WHERE (l.feed LIKE '%~') = :many
    """,
    "golden records": """
        SELECT l.source_key, g.known_to IS NULL, g.valid_from, g.protected, g.{fields}, p.source_key, a.feed
        FROM golden_version AS g
        JOIN open_link AS l ON l.home_id = g.resident_id
        LEFT JOIN person_record AS p ON p.record_id = g.name_record
        LEFT JOIN person_record AS a ON a.record_id = g.address_record
        WHERE (l.feed LIKE '%~') = :many
    """.format(fields=", g.".join(golden.FIELDS)),
    "marks": "SELECT feed, source_key FROM protection WHERE (feed LIKE '%~') = :many",
}  # fmt: skip


def told(records: dict[str, list[dict]], ending: str) -> dict[str, list[dict]]:
    """The same population under keys and numbers of its own, each feed with an address and gaps of its own."""
    named = ("source_key", "party_number", "resident_code_token", "same_as_party_number", "match_key")
    made = {}
    for feed, rows in records.items():
        dice = Random(feed)
        made[feed] = [
            {
                **row, **{name: row[name] + ending for name in named if row[name]}, "address": f"{feed} {number}",
                "sex": dice.choice(("1", "2", None)), "protected": dice.choice(("none", "none", None, "protected")),
            }
            for number, row in enumerate([*rows, *({**row, "source_key": f"b{row['source_key']}"} for row in rows[::7])])
        ]  # fmt: skip
    return made


def held(registry: sa.Engine, *, many: bool) -> dict[str, list[tuple]]:
    with registry.connect() as connection:
        return {
            name: sorted(
                (
                    tuple(value.removesuffix("~") if isinstance(value, str) else value for value in row)
                    for row in connection.execute(sa.text(query), {"many": many})
                ),
                key=repr,
            )
            for name, query in QUERIES.items()
        }


@pytest.fixture
def by_few_and_by_many(registry: sa.Engine, monkeypatch: pytest.MonkeyPatch):
    """Takes a population in as few and then, under other keys, as loads; what the registry holds of each."""

    def both() -> tuple[dict[str, list[tuple]], dict[str, list[tuple]]]:
        records = population(Random(7), 50)
        for many in (False, True):
            ending = "~" if many else ""
            for module, name in ((incoming, "_BULK"), (merge, "_MANY")):
                monkeypatch.setattr(module, name, 1 if many else 20_000)
            for feed, rows in told(records, ending).items():
                take(registry, first(*rows, feed=feed + ending), feed=feed + ending)
        return held(registry, many=False), held(registry, many=True)

    return both


def test_a_load_leaves_what_the_few_leave(by_few_and_by_many) -> None:
    few, many = by_few_and_by_many()

    assert {name: len(rows) for name, rows in few.items() if not rows} == {}
    for name, rows in few.items():
        assert many[name] == rows, name


@pytest.mark.parametrize(
    ("module", "name", "wrong", "seen"),
    [
        (columns, "_TOLD_OF", "SELECT resident_id FROM moved", "golden records"),
        (columns, "_STRONG_NEW", columns._STRONG_NEW.replace("said.value <> ''", "false"), "strong numbers"),
        (columns, "_FOUNDED", columns._FOUNDED.replace("resident_id = home_id", "false"), "residents"),
        (golden, "_NOT_SIMPLE", golden._NOT_SIMPLE.replace("HAVING count(*) > 1", "HAVING false"), "golden records"),
    ],
    ids=["touches nobody", "forgets numbers", "founds nobody", "thinks everybody simple"],
)  # fmt: skip
def test_a_load_that_forgets_something_differs_from_the_few(
    by_few_and_by_many, monkeypatch: pytest.MonkeyPatch, module, name: str, wrong: str, seen: str
) -> None:
    assert wrong != getattr(module, name)
    monkeypatch.setattr(module, name, wrong)

    try:
        few, many = by_few_and_by_many()
    except sa.exc.IntegrityError:  # two golden records of one resident
        return

    assert many[seen] != few[seen]
