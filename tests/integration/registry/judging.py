"""A registry of made-up people, a project of nothing but its settings, and what a test asks of both."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from renkei import project, workflow
from renkei.model import REJECT_SCHEMA, Mapped
from renkei.project import Project
from renkei.records import PERSON
from renkei.registry import golden, merge
from renkei.registry.difference import Present, compare

DAY = date(2026, 11, 20)
ASAKO, BUNTA, CHIE = "cli:asako", "cli:bunta", "cli:chie"
TRUST = dict.fromkeys(golden.GROUPS, ("juki", "tax", "welfare"))
ROOT = Path(__file__).resolve().parents[3]
#: Who may decide on restricted persons here.
CLERK = 'restricted = ["chie", "dan"]'

ALPHABET = "アイウエオカキクケコサシスセソタチツ"
_born = itertools.count(1)


def nobody_yet() -> None:
    """Days of birth from the first one on again: what is learned of a crowd must not follow from other files."""
    global _born
    _born = itertools.count(1)


def person(key: str, **values: Any) -> dict[str, Any]:
    """One who is like nobody else unless ``values`` say so."""
    birth = date(1930, 1, 1) + timedelta(days=next(_born))
    made = {
        "source_key": key, "source_version": "1", "valid_from": DAY, "full_name": f"葛原 {key}", "name_key": f"葛原{key}",
        "full_name_kana": f"クズハラ {key}", "kana_key": f"クズハラ{key}", "sex": "1", "date_of_birth": birth,
        "date_of_birth_lo": birth, "date_of_birth_hi": birth, "resident_status": "resident", "address": f"本町{key}",
        "address_key": f"132993本町{key}", "match_key": f"m{key}", "household_number": f"H{key}", "relationship": "head",
        "is_household_head": True, "protected": "none",
    }  # fmt: skip
    return {**made, **values}


def alike(key: str, nth: int, **values: Any) -> dict[str, Any]:
    """One person as a system writes them; people of one ``nth`` look like one person, others like nobody."""
    sound, born = ALPHABET[nth] * 3, date(1950 + nth, 4, 12)
    return person(
        key,
        **{
            "full_name": f"髙橋　{sound}", "name_key": f"髙橋{sound}", "name_loose_key": f"高橋{sound}",
            "full_name_kana": f"タカハシ　{sound}", "kana_key": f"タカハシ{sound}", "kana_loose_key": f"タカハシ{sound}",
            "date_of_birth": born, "date_of_birth_lo": born, "date_of_birth_hi": born, "date_of_birth_raw": f"{born}",
            "address": f"本町{nth}-2-3", "address_municipality_code": "132993", "address_key": f"132993|本町{nth}-2-3",
            "address_key_town": f"本町{nth}", "address_key_block": "2", **values,
        },
    )  # fmt: skip


def variant(key: str, nth: int, **values: Any) -> dict[str, Any]:
    """The same person with the common form of one character."""
    sound = ALPHABET[nth] * 3
    return alike(key, nth, **{"full_name": f"高橋　{sound}", "name_key": f"高橋{sound}", **values})


@dataclass
class Bench:
    """One registry, and a project for each setting of ``[decisions]``."""

    registry: sa.Engine
    two: Project
    one: Project
    clock: datetime = field(default=datetime(2026, 11, 20, 21, tzinfo=UTC))

    def tell(self, feed: str, *people: dict[str, Any]) -> None:
        """A delivery of these records, as a part: whom it does not name it says nothing of."""
        rows = [
            {name: each.get(name) for name in PERSON.schema.names} | {"__rec_no": number}
            for number, each in enumerate(people, 1)
        ]
        mapped = Mapped(
            feed=feed, record="person", records=pa.Table.from_pylist(rows, schema=PERSON.schema),
            rejects=REJECT_SCHEMA.empty_table(), mapping_digest="d",
        )  # fmt: skip
        difference = compare(mapped, Present(), as_of=DAY)
        with self.registry.begin() as connection:
            number = sa.text("SELECT nextval(pg_get_serial_sequence('unit', 'unit_id'))")
            unit = merge.UnitOfWork(
                feed=feed, record="person", delivery_id=1, as_of=DAY, trust=TRUST,
                unit_id=connection.execute(number).scalar_one(), now=self.now(), refuse_contradictions=True,
            )  # fmt: skip
            merge.absorb(connection, difference, unit)

    def now(self) -> datetime:
        """Later each time it is asked, as time is."""
        self.clock += timedelta(seconds=1)
        return self.clock

    def decide(self, kind: Any, *names: str, by: str = ASAKO, alone: bool = True, **more: Any) -> Any:
        where = self.one if alone else self.two
        more = {"reason": "戸籍で確認", "clock": self, **more}
        return workflow.decide(where, kind, names, actor=by, **more)

    def approve(self, number: int, *, by: str = BUNTA, alone: bool = False, **more: Any) -> Any:
        where = self.one if alone else self.two
        return workflow.approve_decision(where, number, actor=by, clock=self, **more)

    def withdraw(self, number: int, *, by: str = ASAKO, alone: bool = True, **more: Any) -> Any:
        where = self.one if alone else self.two
        more = {"reason": "資料の取り違え", "clock": self, **more}
        return workflow.withdraw_decision(where, number, actor=by, **more)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.registry.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def resident(self, name: str) -> int:
        """The resident whose record that is now."""
        feed, _, key = name.partition(":")
        query = "SELECT resident_id FROM open_link WHERE feed = :feed AND source_key = :key"
        return int(self.rows(query, feed=feed, key=key)[0][0])

    def together(self, *names: str) -> bool:
        """True when these records are one resident's."""
        return len({self.resident(name) for name in names}) == 1

    def golden(self, name: str) -> dict[str, Any]:
        query = "SELECT * FROM golden_version WHERE resident_id = :resident AND known_to IS NULL"
        with self.registry.connect() as connection:
            asked = {"resident": self.resident(name)}
            return dict(connection.execute(sa.text(query), asked).mappings().one())

    def state(self, like: str = "%") -> list[list[tuple[Any, ...]]]:
        """All that holds now of the records whose keys are ``like`` this, without times and row ids."""
        return [self.rows(query, like=like) for query in _STATE]


_FIELDS = ", ".join(f"g.{name}" for name in (*golden.FIELDS, "protected"))
_RECORDS = ", ".join(
    f"(SELECT feed || source_key FROM person_record WHERE record_id = g.{name})" for name in golden.RECORDS
)
_WHOSE = "(SELECT min(feed || ':' || source_key) FROM link WHERE home_id = {} AND known_to IS NULL)"
_STATE = (
    f"""
    SELECT l.feed, l.source_key, l.numbering, l.party_number, l.rule, l.valid_from, l.valid_to,
        {_WHOSE.format("l.resident_id")}
    FROM link AS l
    WHERE l.known_to IS NULL AND l.source_key LIKE :like
    ORDER BY 1, 2, 7
    """,
    f"""
    SELECT {_WHOSE.format("g.resident_id")}, {_FIELDS}, {_RECORDS}, r.body::text
    FROM golden_version AS g
    JOIN golden_rule AS r USING (golden_rule_id)
    WHERE g.known_to IS NULL AND g.resident_id IN (
        SELECT resident_id FROM link WHERE known_to IS NULL AND source_key LIKE :like)
    ORDER BY 1
    """,
    f"""
    SELECT {_WHOSE.format("m.home_id")}, {_WHOSE.format("m.resident_id")}
    FROM resident_merge AS m
    WHERE m.known_to IS NULL AND m.home_id IN (SELECT home_id FROM link WHERE source_key LIKE :like)
    ORDER BY 1
    """,
    f"""
    SELECT c.feed, c.source_key, {_WHOSE.format("c.resident_id")}, c.reason
    FROM link_candidate AS c
    WHERE c.state = 'open' AND c.source_key LIKE :like
    ORDER BY 1, 2, 3, 4
    """,
)


def settings(folder: Path, approval: str) -> Project:
    """The sample city's settings in a folder of their own, with nothing to map and the folder in force."""
    for name in ("mappings", "reconciliation", "connectors"):
        (folder / name).mkdir(parents=True)
    text = (ROOT / "renkei.toml").read_text("utf-8")
    head, _, tail = text.partition("[decisions]")
    head = head.replace('approval = "two people"', 'approval = "none"')
    tail = tail.replace('approval = "two people"', f'approval = "{approval}"', 1)
    tail = tail.replace("restricted = []", CLERK, 1)
    (folder / "renkei.toml").write_text(f"{head}[decisions]{tail}", "utf-8")
    return project.load(folder)
