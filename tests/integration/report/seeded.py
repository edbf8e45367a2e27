"""A registry with a few residents, one day of deliveries, findings and cases, written as small tables."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from renkei.reconcile.double_entry import Offices
from renkei.registry import protection

AS_OF = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
SHA = "a" * 64
FEEDS = ("juki.resident", "tax.taxpayer", "tax.assessment", "welfare.recipient", "welfare.benefit")

#: What must never leave the registry: the synthetic restricted family, by every value of theirs.
HIDDEN = (
    "隠岐 花子",
    "オキ ハナコ",
    "葛原市秘密町9丁目9番9号",
    "隠れ荘999",
    "隠岐 次郎",
    "0000000909",
    "0000000917",
)

PEOPLE = """
resident | feed              | key        | household | full_name | kana       | born       | address               | building | protected
1        | juki.resident     | 0000000019 | H1        | 𠮷田 太郎   | ヨシダ タロウ    | 1985-04-01 | 葛原市本町1丁目2番3号      | 〃101     | none
1        | tax.taxpayer      | 0000000019 | H1        | 吉田 太郎   | ヨシダ タロウ    | 1985-04-01 | 葛原市新町5番6号         |          | none
2        | juki.resident     | 0000000027 | H2        | 髙橋 葛󠄀子  | タカハシ クズコ   | 1990-01-31 | 葛原市本町3丁目1番1号      |          | none
2        | welfare.recipient | F00000027  | W2        | 髙橋 葛󠄀子  | タカハシ クズコ   | 1990-01-13 | 葛原市本町3丁目1番1号      |          |
3        | juki.resident     | 0000000909 | H9        | 隠岐 花子   | オキ ハナコ     | 1988-08-08 | 葛原市秘密町9丁目9番9号     | 隠れ荘999   | protected
3        | tax.taxpayer      | 0000000909 | H9        | 隠岐 花子   | オキ ハナコ     | 1988-08-08 | 葛原市秘密町9丁目9番9号     | 隠れ荘999   | none
4        | juki.resident     | 0000000917 | H9        | 隠岐 次郎   | オキ ジロウ     | 2015-05-05 | 葛原市秘密町9丁目9番9号     | 隠れ荘999   | none
4        | welfare.recipient | F00000917  | W9        | 隠岐 次郎   | オキ ジロウ     | 2015-05-05 | 葛原市秘密町9丁目9番9号     |          | none
5        | tax.taxpayer      | 9000000014 |           | =HYPERLINK("x") | カコイ ハチ | 1970-07-07 | @SUM(1+1)*cmd         |          |
"""

MISMATCHES = """
case | resident | rule | kind         | field         | class      | left              | left_key   | right             | right_key  | minutes
1    | 1        | R10  | mismatch     | address       | other_place| juki.resident     | 0000000019 | tax.taxpayer      | 0000000019 |
2    | 2        | R11  | mismatch     | date_of_birth | one_digit  | juki.resident     | 0000000027 | welfare.recipient | F00000027  |
3    | 3        | R10  | mismatch     | address       | other_place| juki.resident     | 0000000909 | tax.taxpayer      | 0000000909 |
4    | 4        | R19  | mismatch     | household     | other_household| juki.resident | 0000000917 | welfare.recipient | F00000917  |
5    | 1        | R38  | double_entry | address       | same_value | juki.resident     | 0000000019 | tax.taxpayer      | 0000000019 | 6
6    | 2        | R22  | mismatch     | status        | not_target | juki.resident     | 0000000027 | welfare.benefit   | K00000034  |
"""

#: The department that answers for a rule, where it is not 市民課.
OWNERS = {"R22": "こども課", "R01": "市民税課"}


@dataclass
class Stub:
    """Stands where a loaded project would, with what a report asks of it."""

    root: Path
    var: Path
    digest: str = "d" * 64
    config: Any = field(
        default_factory=lambda: SimpleNamespace(
            name="葛原市",
            name_en="Kuzuhara City",
            time_zone="Asia/Tokyo",
            code="132993",
            witnesses=(),
            departments=("市民課", "市民税課", "情報政策課"),
        )
    )

    @property
    def feeds(self) -> tuple[Any, ...]:
        return tuple(
            SimpleNamespace(id=feed, system=feed.split(".")[0], title=f"{feed}の連携") for feed in FEEDS
        )

    @property
    def offices(self) -> Offices:
        return Offices(owners={"tax.taxpayer": "市民税課", "welfare.recipient": "こども課"})

    @property
    def rules(self) -> tuple[Any, ...]:
        titles = {
            "R01": "死亡者への支給",
            "R10": "住所相違",
            "R11": "生年月日相違",
            "R19": "世帯相違",
            "R22": "児童手当未申請",
            "R38": "二重入力",
        }
        return tuple(
            SimpleNamespace(
                id=k,
                title=v,
                title_en=f"Rule {k}",
                owner=OWNERS.get(k, "市民課"),
                kind="double_entry" if k == "R38" else "mismatch",
                lasting=k == "R38",
            )
            for k, v in titles.items()
        )


def rows(table: str) -> Iterator[dict[str, str | None]]:
    """The rows of a text table by heading; an empty cell is null."""
    head, *body = (
        [cell.strip() for cell in line.split("|")] for line in table.strip().splitlines() if line.strip()
    )
    for cells in body:
        yield {name: cell or None for name, cell in zip(head, cells, strict=True)}


def seed(engine: sa.Engine, *, people: str = PEOPLE, mismatches: str = MISMATCHES) -> None:
    """Write the tables into a fresh registry."""
    with engine.begin() as connection:
        _control(connection)
        for row in rows(people):
            _person(connection, row)
        take_marks(connection)
        for row in rows(mismatches):
            _mismatch(connection, row)
        _benefit(connection)
        _results(connection)


def take_marks(connection: sa.Connection) -> None:
    """What the records say of protection, as a merge takes it in."""
    for unit_id in connection.execute(sa.text("SELECT DISTINCT unit_id FROM person_record")).scalars().all():
        connection.exec_driver_sql("DROP TABLE IF EXISTS touched")
        connection.exec_driver_sql("CREATE TEMP TABLE touched (resident_id bigint) ON COMMIT DROP")
        protection.refresh(connection, unit_id=unit_id, now=NOW)


def _run(connection: sa.Connection, kind: str, target: str, *, state: str = "done") -> uuid.UUID:
    run_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}:{target}")
    connection.execute(
        sa.text("""
            INSERT INTO run (run_id, kind, target, as_of, state, actor, trigger, project_digest, code_version,
                counts, started_at, finished_at)
            VALUES (:run_id, :kind, :target, :as_of, :state, 'test', 'manual', :digest, '0', '{"records": 4}',
                CAST(:now AS timestamptz) - interval '3 seconds', :now)
        """),
        {"run_id": run_id, "kind": kind, "target": target, "as_of": AS_OF, "state": state, "digest": "d" * 64,
         "now": NOW},
    )  # fmt: skip
    return run_id


def _control(connection: sa.Connection) -> None:
    connection.execute(sa.text("INSERT INTO object VALUES (:sha, 10, :now)"), {"sha": SHA, "now": NOW})
    for place, feed in enumerate(FEEDS[:4], start=1):
        run_id = _run(connection, "sync_in", feed)
        bound = {"feed": feed, "sha": SHA, "as_of": AS_OF, "now": NOW, "run": run_id, "place": place}
        connection.execute(
            sa.text("""
                INSERT INTO delivery (feed, name, sha256, as_of, received_at, run_id, verdict)
                VALUES (:feed, :feed || '.DAT', :sha, :as_of, :now, :run, 'merged')
            """),
            bound,
        )
        connection.execute(
            sa.text("""
                INSERT INTO unit (delivery_id, feed, as_of, run_id, mapping_digest, fence, records, merged,
                    unchanged, superseded, rejected, ended, dispositions, snapshot, done_at)
                VALUES (:place, :feed, :as_of, :run, 'm', 1, 100, 20, 79, 0, 1, 2, :sha, :sha, :now)
            """),
            bound,
        )
        connection.execute(
            sa.text("INSERT INTO cursor VALUES (:feed, 1, :as_of, '{}', :sha, :place, 1, :now)"), bound
        )
        connection.execute(
            sa.text("""
                INSERT INTO reject (unit_id, delivery_id, feed, rec_no, byte_offset, byte_length, source_key,
                    field, code, detail)
                VALUES (:place, :place, :feed, 7, 0, 10, NULL, 'sex', 'E_UNKNOWN_CODE', 'code not in table')
            """),
            bound,
        )
    late = _run(connection, "sync_in", FEEDS[4], state="held")
    connection.execute(
        sa.text("""
            INSERT INTO delivery (feed, name, sha256, as_of, received_at, run_id, verdict, error_code, error_facts)
            VALUES (:feed, 'KYUFU.xml', :sha, :as_of, :now, :run, 'refused', 'E_TRAILER_COUNT', :facts)
        """),
        {"feed": FEEDS[4], "sha": SHA, "as_of": AS_OF, "now": NOW, "run": late,
         "facts": json.dumps({"feed": FEEDS[4], "stated": 5, "counted": 4})},
    )  # fmt: skip


def _person(connection: sa.Connection, row: dict[str, str | None]) -> None:
    connection.execute(
        sa.text("""
            INSERT INTO resident (resident_id, founded_at, founded_by_unit) OVERRIDING SYSTEM VALUE
            VALUES (:resident, :now, 1) ON CONFLICT DO NOTHING
        """),
        {"resident": int(row["resident"] or 0), "now": NOW},
    )
    bound = {**row, "resident": int(row["resident"] or 0), "now": NOW, "as_of": AS_OF}
    # the first record of a resident is its home, each other one has a home of its own
    homes = connection.execute(sa.text("SELECT count(*) FROM link WHERE resident_id = :resident"), bound)
    bound["home"] = bound["resident"] + 1000 * int(homes.scalar_one())
    bound["number"] = None if (row["feed"] or "").startswith("welfare") else row["key"]
    connection.execute(
        sa.text("""
            INSERT INTO person_record (feed, source_key, source_version, valid_from, party_number,
                household_number, relationship, resident_status, full_name, full_name_kana, date_of_birth,
                date_of_birth_raw, address, address_building, protected, content_hash, known_from, unit_id, rec_no)
            VALUES (:feed, :key, '1', :as_of, :number, :household, 'head', 'resident', :full_name, :kana,
                CAST(:born AS date), :born, :address, :building, :protected, 'h', :now, 1, 1)
        """),
        bound,
    )
    connection.execute(
        sa.text("""
            INSERT INTO link (resident_id, home_id, feed, source_key, numbering, party_number, rule,
                valid_from, known_from, unit_id)
            VALUES (:resident, :home, :feed, :key, 'resident', :number, 'strong_id', :as_of, :now, 1)
        """),
        bound,
    )
    connection.execute(
        sa.text("""
            INSERT INTO golden_version (resident_id, full_name, address, protected, golden_rule_id,
                valid_from, known_from, unit_id)
            VALUES (:resident, :full_name, :address, :protected, 1, :as_of, :now, 1)
            ON CONFLICT (resident_id) WHERE known_to IS NULL DO NOTHING
        """),
        bound,
    )


def _benefit(connection: sa.Connection) -> None:
    connection.execute(
        sa.text("""
            INSERT INTO benefit_record (feed, source_key, source_version, valid_from, person_key, benefit_kind,
                status, started_on, content_hash, known_from, unit_id, rec_no)
            VALUES ('welfare.benefit', 'K00000034', '1', :as_of, 'F00000027', 'child_allowance', 'active',
                '2026-01-01', 'h', :now, 1, 1)
        """),
        {"as_of": AS_OF, "now": NOW},
    )


def _mismatch(connection: sa.Connection, row: dict[str, str | None]) -> None:
    bound: dict[str, Any] = {**row, "case": int(row["case"] or 0), "as_of": AS_OF, "now": NOW}
    bound["run"] = uuid.uuid5(uuid.NAMESPACE_OID, "reconcile:all")
    if bound["case"] == 1:
        _run(connection, "reconcile", "all")
    bound["resident_id"] = int(row["resident"] or 0)
    connection.execute(
        sa.text("""
            INSERT INTO "case" (case_id, subject_kind, subject_id, cause, rule_id, owner, severity, state,
                opened_at, opened_as_of, due_on) OVERRIDING SYSTEM VALUE
            VALUES (:case, 'resident', :resident, :rule || ':' || :field, :rule, '市民課', 2, 'open', :now,
                :as_of, :as_of)
        """),
        bound,
    )
    connection.execute(
        sa.text("""
            INSERT INTO mismatch (rule_id, rule_digest, kind, subject_kind, subject_id, resident_id, cause, field,
                class, left_feed, left_key, right_feed, right_key, since, minutes, case_id, first_as_of,
                found_by_run, found_at)
            VALUES (:rule, 'r', :kind, 'resident', :resident, :resident_id, :rule || ':' || :field, :field,
                :class, :left, :left_key, :right, :right_key, :as_of, CAST(:minutes AS int), :case, :as_of,
                :run, :now)
        """),
        bound,
    )
    connection.execute(
        sa.text("""
            INSERT INTO case_event (case_id, happened_at, as_of, kind, actor, run_id)
            VALUES (:case, :now, :as_of, 'opened', 'test', :run)
        """),
        bound,
    )


def _results(connection: sa.Connection) -> None:
    run_id = uuid.uuid5(uuid.NAMESPACE_OID, "reconcile:all")
    for rule, state, missing in (
        ("R10", "compared", []), ("R11", "compared", []), ("R19", "compared", []), ("R38", "compared", []),
        ("R01", "compared", []),
        ("R22", "not_compared", ["welfare.benefit"]),
    ):  # fmt: skip
        connection.execute(
            sa.text("""
                INSERT INTO rule_result (run_id, rule_id, rule_digest, state, compared, looked_at, found, in_transit,
                    opened, closed, reopened, missing_feeds, seconds)
                VALUES (:run, :rule, 'digest-of-rule', :state, 9, 9, 2, 1, 2, 1, 0, :missing, 0.1)
            """),
            {"run": run_id, "rule": rule, "state": state, "missing": missing},
        )
