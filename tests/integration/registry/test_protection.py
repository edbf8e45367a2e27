"""支援措置: on at once with its delivery, off only by two people, and never by one system alone."""

import shutil
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from tests.integration.registry.test_merge import mapped, person
from tests.integration.report.seeded import AS_OF, Stub, seed

from renkei import views
from renkei.cli import main
from renkei.errors import FixDeclaration, Stop
from renkei.lineage import guard
from renkei.project import Project, load
from renkei.registry import golden, identity, merge
from renkei.registry import protection as marks
from renkei.registry.difference import Difference, Present, compare
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect
from renkei.report import publish as publishing
from renkei.snapshot import Snapshot
from renkei.workflow import protection

ROOT = Path(__file__).resolve().parents[3]
DAY = date(2026, 11, 20)
START = datetime(2026, 11, 20, 21, tzinfo=UTC)
JUKI, TAX, WELFARE = "juki.resident", "tax.taxpayer", "welfare.recipient"
ASKER, APPROVER = "cli:asako", "cli:bunta"


@dataclass
class Hub:
    """One registry that every story shares: each has its own people."""

    engine: sa.Engine
    project: Project
    taken: int = 0
    now: datetime = field(default=START)

    def deliver(self, feed: str, *people: dict, ended: tuple[str, ...] = ()) -> int:
        rows = mapped(*people, feed=feed).records.to_pylist()
        changed = [{**row, "content_hash": f"{self.taken}"} for row in rows]
        return self.take(
            feed,
            replace(
                self.empty,
                changed=pa.Table.from_pylist(changed, schema=self.empty.changed.schema),
                ended=pa.table({"source_key": pa.array(ended, pa.string())}),
            ),
        )

    @cached_property
    def empty(self) -> Difference:
        """What changes nothing: each delivery of these tests says only what it brings."""
        return compare(mapped(), Present(), as_of=DAY)

    def take(self, feed: str, came: Difference) -> int:
        with self.engine.begin() as connection:
            return self.take_in(connection, feed, came)

    def take_in(self, connection: sa.Connection, feed: str, came: Difference) -> int:
        self.taken += 1
        self.now = START + timedelta(minutes=self.taken)
        connection.exec_driver_sql("SET session_replication_role = replica")  # no unit rows are written
        number = "SELECT nextval(pg_get_serial_sequence('unit', 'unit_id'))"
        unit_id = int(connection.exec_driver_sql(number).scalar_one())
        unit = merge.UnitOfWork(
            feed=feed, record="person", unit_id=unit_id, delivery_id=1, as_of=DAY,
            now=self.now, trust=dict.fromkeys(golden.GROUPS, ("juki", "tax", "welfare")), refuse_contradictions=True,
        )  # fmt: skip
        merge.absorb(connection, came, unit)
        return unit_id

    def ask(self, query: str, **values: object) -> list[tuple]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def resident(self, feed: str, key: str) -> int:
        query = "SELECT resident_id FROM open_link WHERE feed = :feed AND source_key = :key"
        return int(self.ask(query, feed=feed, key=key)[0][0])

    def standing(self, feed: str, key: str) -> str | None:
        query = "SELECT protected FROM golden_version WHERE resident_id = :id AND known_to IS NULL"
        return self.ask(query, id=self.resident(feed, key))[0][0]

    def is_restricted(self, feed: str, key: str) -> bool:
        query = "SELECT EXISTS (SELECT FROM restricted_resident WHERE resident_id = :id), is_restricted(:id)"
        ((among_all, alone),) = self.ask(query, id=self.resident(feed, key))
        with self.engine.connect() as connection:
            few = guard.touches_restricted(connection, [(feed, key)])
            many = guard.touches_restricted(connection, [(feed, key), *((feed, f"-{n}") for n in range(30))])
        assert {among_all, few, many} == {alone}  # one definition, asked in several ways
        return bool(alone)

    def mark(self, feed: str, key: str) -> marks.Protection:
        """The mark in force that this record made."""
        query = "SELECT protection_id FROM protection WHERE feed = :feed AND source_key = :key AND known_to IS NULL"
        ((number,),) = self.ask(query, feed=feed, key=key)
        with self.engine.connect() as connection:
            found = marks.found(connection, number)
        assert found is not None
        return found

    def marks_of(self, feed: str, key: str) -> list[tuple]:
        query = """
            SELECT kind, term_until, end_told, closed_as FROM protection
            WHERE feed = :feed AND source_key = :key ORDER BY protection_id
        """
        return self.ask(query, feed=feed, key=key)

    def end(self, feed: str, key: str) -> bool:
        """Two people end a mark; whether its person stays restricted."""
        number = self.mark(feed, key).protection_id
        protection.ask_end(self.project, number, actor=ASKER, reason="終了届")
        return protection.approve_end(self.project, number, actor=APPROVER)[1]

    def events(self, number: int) -> list[str]:
        query = """
            SELECT body::json ->> 'action' FROM audit_event
            WHERE body::json ->> 'object' = :object ORDER BY occurred_at
        """
        return [row[0] for row in self.ask(query, object=f"protection:{number}")]


@pytest.fixture(scope="module")
def hub(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    root, name = tmp_path_factory.mktemp("city"), f"protection_{uuid.uuid4().hex[:12]}"
    for folder in ("connectors", "mappings", "reconciliation"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = (
        (ROOT / "renkei.toml").read_text("utf-8").replace('approval = "two people"', 'approval = "none"', 1)
    )
    (root / "renkei.toml").write_text(text, "utf-8")
    (root / "var").mkdir()
    cluster.create_database(name, template="renkei_template")
    engine = connect(cluster.url(name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RENKEI_DATABASE_URL", cluster.url(name))
        patch.setenv("RENKEI_PROJECT", str(root))
        patch.setenv("RENKEI_LANG", "en")
        patch.delenv("RENKEI_VAR", raising=False)
        yield Hub(engine=engine, project=load(root))
    engine.dispose()
    cluster.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def somebody(key: str, protected: str | None, **values) -> dict:
    """A person of this number who lives alone unless a household is given."""
    return person(key, protected=protected, **{"household_number": f"H{key}", **values})


# on ----------------------------------------------------------------------------------------------


def test_a_mark_holds_with_the_delivery_that_says_it_whatever_three_others_say(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("100", "none"))
    hub.deliver(WELFARE, somebody("100", "none"))
    hub.deliver("tax.vehicle", somebody("100", "none"))
    assert not hub.is_restricted(JUKI, "100")

    unit = hub.deliver(TAX, somebody("100", "protected", protected_kind="provisional"))

    assert hub.standing(JUKI, "100") == "protected"
    assert hub.is_restricted(JUKI, "100")
    with hub.engine.connect() as connection:
        assert marks.told_in(connection, unit).marked == (hub.mark(TAX, "100").protection_id,)
    assert hub.mark(TAX, "100").kind == "provisional"


def test_whom_no_system_clears_is_restricted_without_a_mark(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("110", None), somebody("111", None))

    hub.deliver(TAX, somebody("111", "none"))

    assert (hub.standing(JUKI, "110"), hub.is_restricted(JUKI, "110")) == (None, True)
    assert (hub.standing(JUKI, "111"), hub.is_restricted(JUKI, "111")) == ("none", False)
    assert hub.marks_of(JUKI, "110") == []


def test_a_word_that_nobody_knows_clears_nobody(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("115", "maybe"))

    assert (hub.standing(JUKI, "115"), hub.is_restricted(JUKI, "115")) == (None, True)


def test_a_mark_that_comes_late_holds_and_waits_to_be_ended(hub: Hub, tmp_path: Path) -> None:
    newest = compare(mapped(somebody("120", "none", source_version="3")), Present(), as_of=DAY)
    hub.take(JUKI, newest)
    pq.write_table(newest.snapshot, tmp_path / "s.parquet")
    older = mapped(somebody("120", "protected", source_version="2"))

    hub.take(JUKI, compare(older, Present(snapshot=Snapshot(whole=tmp_path / "s.parquet")), as_of=DAY))

    assert hub.standing(JUKI, "120") == "protected"
    assert hub.mark(JUKI, "120").end_told == "none"


# what does not end it ------------------------------------------------------------------------------


def test_a_source_that_takes_its_mark_back_ends_nothing(hub: Hub) -> None:
    hub.deliver(
        JUKI, somebody("200", "protected"), somebody("201", "protected"), somebody("202", "protected")
    )

    hub.deliver(JUKI, somebody("200", "none", source_version="2"), somebody("201", None, source_version="2"))
    unit = hub.deliver(JUKI, ended=("202",))

    for key, told, why in (("200", "none", "record"), ("201", "silent", "record"), ("202", "gone", "gone")):
        assert (hub.mark(JUKI, key).end_told, hub.mark(JUKI, key).why) == (told, why)
        assert hub.is_restricted(JUKI, key)
    assert hub.standing(JUKI, "200") == "protected"
    with hub.engine.connect() as connection:
        listed = marks.listed(connection, ending=True, limit=1000)
        assert marks.told_in(connection, unit).ending == (hub.mark(JUKI, "202").protection_id,)
    assert {"200", "201", "202"} <= {each.source_key for each in listed}


def test_without_the_table_a_source_would_end_it_alone(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "STANDING", "max(protected)")
    monkeypatch.setattr(marks, "refresh", lambda connection, **_: None)
    hub.deliver(JUKI, somebody("205", "protected"))

    hub.deliver(JUKI, somebody("205", "none", source_version="2"))

    assert (hub.standing(JUKI, "205"), hub.is_restricted(JUKI, "205")) == ("none", False)


def test_the_end_of_its_term_ends_nothing_and_a_new_term_is_a_new_row(hub: Hub) -> None:
    over = {"protected_from": date(2024, 4, 1), "protected_until": date(2025, 3, 31)}
    hub.deliver(JUKI, somebody("210", "protected", protected_kind="support", **over))
    assert hub.is_restricted(JUKI, "210")

    longer = {**over, "protected_until": date(2026, 3, 31), "source_version": "2"}
    hub.deliver(JUKI, somebody("210", "protected", protected_kind="support", **longer))
    hub.deliver(JUKI, somebody("210", "protected", protected_kind="support", **longer, address="新町1"))

    assert hub.marks_of(JUKI, "210") == [
        ("support", date(2025, 3, 31), None, "said_again"),
        ("support", date(2026, 3, 31), None, None),
    ]


def test_a_key_that_becomes_somebody_elses_frees_neither(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("220", "protected"))
    hub.deliver(TAX, somebody("220", "none"))

    stranger = {
        "name_key": "佐藤花子", "kana_key": "サトウハナコ", "full_name": "佐藤花子", "match_key": "stranger220",
        "date_of_birth": date(1999, 1, 1), "date_of_birth_lo": date(1999, 1, 1), "date_of_birth_hi": date(1999, 1, 1),
    }  # fmt: skip
    hub.deliver(JUKI, somebody("220", "none", source_version="2", **stranger))

    assert hub.resident(JUKI, "220") != hub.resident(TAX, "220")
    assert hub.is_restricted(TAX, "220")
    assert hub.is_restricted(JUKI, "220")
    assert hub.mark(JUKI, "220").end_told == "gone"


# two people ----------------------------------------------------------------------------------------


def test_two_people_end_what_its_source_has_ended(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("300", "protected"))
    hub.deliver(JUKI, somebody("300", "none", source_version="2"))
    number = hub.mark(JUKI, "300").protection_id

    protection.ask_end(hub.project, number, actor=ASKER, reason="終了届")
    assert hub.is_restricted(JUKI, "300")
    ended, restricted = protection.approve_end(hub.project, number, actor=APPROVER)

    assert (ended.closed_as, restricted) == ("ended", False)
    assert (hub.standing(JUKI, "300"), hub.is_restricted(JUKI, "300")) == ("none", False)
    assert hub.events(number) == ["protection.end_asked", "protection.ended"]


@pytest.mark.parametrize("other", [ASKER, "cli:asako>root", "root"])
def test_nobody_ends_one_alone_nor_as_somebody_who_may_be_the_same(hub: Hub, other: str) -> None:
    key, asker = f"31{len(other)}", "cli:root" if other == "root" else ASKER
    hub.deliver(JUKI, somebody(key, "protected"))
    hub.deliver(JUKI, somebody(key, "none", source_version="2"))
    number = hub.mark(JUKI, key).protection_id
    protection.ask_end(hub.project, number, actor=asker, reason="終了届")

    with pytest.raises(Stop, match="E_END_SAME_PERSON"):
        protection.approve_end(hub.project, number, actor=other)

    assert hub.is_restricted(JUKI, key)
    assert hub.events(number) == ["protection.end_asked", "protection.refused"]


@pytest.mark.parametrize(
    "ending", ["end_told = NULL, end_told_at = NULL, end_approved_by = 'cli:bunta'", "end_approved_by = 'cli:asako'"]
)  # fmt: skip
def test_the_database_itself_refuses_an_end_by_one_person_or_of_a_mark_still_made(
    hub: Hub, ending: str
) -> None:
    key = f"32{len(ending)}"
    hub.deliver(JUKI, somebody(key, "protected"))
    hub.deliver(JUKI, somebody(key, "none", source_version="2"))
    number = hub.mark(JUKI, key).protection_id
    protection.ask_end(hub.project, number, actor=ASKER, reason="終了届")

    with pytest.raises(sa.exc.IntegrityError), hub.engine.begin() as connection:
        connection.execute(
            sa.text(f"""
                UPDATE protection SET known_to = now() + interval '1 year', closed_as = 'ended', {ending}
                WHERE protection_id = :number
            """),
            {"number": number},
        )


def test_a_mark_that_its_source_still_makes_cannot_be_ended(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("330", "protected"))

    with pytest.raises(Stop, match="E_STILL_MARKED"):
        protection.ask_end(hub.project, hub.mark(JUKI, "330").protection_id, actor=ASKER, reason="終了届")


def test_one_of_two_marks_that_ends_leaves_the_other(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("340", "protected"))
    hub.deliver(WELFARE, somebody("340", "protected"))
    hub.deliver(JUKI, somebody("340", "none", source_version="2"))

    restricted = hub.end(JUKI, "340")

    assert restricted
    assert hub.standing(JUKI, "340") == "protected"


def test_an_end_that_is_refused_or_asked_for_twice_leaves_the_mark(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("350", "protected"))
    hub.deliver(JUKI, somebody("350", "none", source_version="2"))
    number = hub.mark(JUKI, "350").protection_id
    with pytest.raises(Stop, match="E_END_STATE"):
        protection.approve_end(hub.project, number, actor=APPROVER)
    protection.ask_end(hub.project, number, actor=ASKER, reason="終了届")
    with pytest.raises(Stop, match="E_END_STATE"):
        protection.ask_end(hub.project, number, actor=APPROVER, reason="終了届")

    protection.refuse_end(hub.project, number, actor=APPROVER, reason="届が未着")

    assert hub.mark(JUKI, "350").end_asked_by is None
    assert hub.is_restricted(JUKI, "350")
    with pytest.raises(FixDeclaration, match="E_NOT_FOUND"):
        protection.approve_end(hub.project, 10**9, actor=APPROVER)


def test_a_new_mark_voids_the_end_that_waits_for_approval(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("360", "protected"))
    hub.deliver(JUKI, somebody("360", "none", source_version="2"))
    number = hub.mark(JUKI, "360").protection_id
    protection.ask_end(hub.project, number, actor=ASKER, reason="終了届")

    hub.deliver(JUKI, somebody("360", "protected", source_version="3"))

    with pytest.raises(Stop, match="E_END_STATE"):
        protection.approve_end(hub.project, number, actor=APPROVER)
    assert hub.mark(JUKI, "360").protection_id != number
    assert hub.is_restricted(JUKI, "360")


def test_a_mark_after_an_end_holds_again(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("370", "protected"))
    hub.deliver(JUKI, somebody("370", "none", source_version="2"))
    assert not hub.end(JUKI, "370")

    hub.deliver(JUKI, somebody("370", "protected", source_version="3"))

    assert hub.is_restricted(JUKI, "370")


@pytest.mark.parametrize("first", ["mark", "end"])
def test_a_mark_that_races_with_the_approval_of_its_end_wins(hub: Hub, first: str) -> None:
    key = f"38{len(first)}"
    hub.deliver(JUKI, somebody(key, "protected"))
    hub.deliver(JUKI, somebody(key, "none", source_version="2"))
    number = hub.mark(JUKI, key).protection_id
    protection.ask_end(hub.project, number, actor=ASKER, reason="終了届")
    refused: list[str] = []
    again = compare(mapped(somebody(key, "protected", source_version="3")), Present(), as_of=DAY)

    def approve() -> None:
        try:
            protection.approve_end(hub.project, number, actor=APPROVER)
        except Stop as stop:
            refused.append(stop.code)

    other = threading.Thread(target=approve)
    if first == "mark":
        with hub.engine.begin() as connection:
            hub.take_in(connection, JUKI, again)
            other.start()
            other.join(0.3)
            assert other.is_alive()  # it waits for the delivery
        other.join(30)
    else:
        with hub.engine.begin() as connection:
            other = threading.Thread(target=hub.take, args=(JUKI, again))
            identity.one_linker(connection)
            other.start()
            other.join(0.3)
            assert other.is_alive()
            marks.end(connection, number, by=APPROVER, now=hub.now)
        other.join(30)

    assert refused == (["E_END_STATE"] if first == "mark" else [])
    assert hub.is_restricted(JUKI, key)
    assert hub.standing(JUKI, key) == "protected"


# households --------------------------------------------------------------------------------------


def test_everyone_of_a_household_in_any_system_is_restricted_too(hub: Hub) -> None:
    hub.deliver(
        JUKI,
        somebody("400", "protected", household_number="F4"),
        somebody("401", "none", household_number="F4"),
        somebody("402", "none"),
        somebody("403", "none"),
    )
    hub.deliver(
        TAX,
        somebody("400", "none", household_number="T4"),
        somebody("402", "none", household_number="T4"),
        somebody("403", "none", household_number="F4"),  # the same number of another system
    )

    restricted = {key: hub.is_restricted(JUKI, key) for key in ("400", "401", "402", "403")}

    assert restricted == {"400": True, "401": True, "402": True, "403": False}
    assert hub.standing(JUKI, "401") == "none"


def test_a_record_that_is_gone_still_shelters_its_household(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("410", "protected", household_number="F41"), somebody("411", "none", household_number="F41"))  # fmt: skip

    hub.deliver(JUKI, ended=("410",))

    assert hub.is_restricted(JUKI, "411")


def test_one_whose_key_became_somebody_elses_still_shelters_its_household(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("415", "protected", household_number="F42"), somebody("416", "none", household_number="F42"))  # fmt: skip

    born = date(2015, 5, 5)
    hub.deliver(
        JUKI,
        somebody(
            "415", "none", source_version="2", name_key="佐藤花子", kana_key="サトウハナコ", match_key="new",
            date_of_birth=born, date_of_birth_lo=born, date_of_birth_hi=born,
        ),
    )  # fmt: skip

    assert hub.is_restricted(JUKI, "416")


def test_a_person_sought_together_is_protected_alone(hub: Hub) -> None:
    """併せて支援を求める者: marked by a record of her own, wherever she lives."""
    hub.deliver(JUKI, somebody("420", "protected"), somebody("421", "protected", protected_kind="joint"))
    hub.deliver(JUKI, somebody("420", "none", source_version="2"))
    hub.end(JUKI, "420")

    assert not hub.is_restricted(JUKI, "420")
    assert hub.mark(JUKI, "421").why == "co_protected"
    assert hub.is_restricted(JUKI, "421")


def test_a_household_of_ten_thousand_is_swept_in_unless_the_city_names_it_a_facility(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("430", "protected", household_number="HOME"), somebody("431", "none"))
    with hub.engine.begin() as connection:
        connection.exec_driver_sql(_TEN_THOUSAND)
    mates = "SELECT count(*) FROM restricted_resident WHERE resident_id > 1000000"
    assert hub.ask(mates) == [(10_000,)]
    place = hub.project.root / "renkei.toml"
    named = place.read_text("utf-8").replace("facilities = []", f'facilities = ["{JUKI}/HOME"]')
    place.write_text(named, "utf-8")

    with hub.engine.begin() as connection:
        protection.keep_facilities(connection, load(hub.project.root), actor="tester")
        protection.keep_facilities(connection, load(hub.project.root), actor="tester")

    assert hub.ask(mates) == [(0,)]
    assert hub.is_restricted(JUKI, "430")
    told = "SELECT count(*) FROM audit_event WHERE body::json ->> 'action' = 'protection.facilities'"
    assert hub.ask(told) == [(1,)]


_TEN_THOUSAND = f"""
    INSERT INTO person_record (feed, source_key, source_version, valid_from, household_number, protected,
        content_hash, known_from, unit_id, rec_no)
    SELECT '{JUKI}', 'N' || n, '1', '{DAY}', 'HOME', 'none', 'h', now(), 1, n FROM generate_series(1, 10000) AS n;
    INSERT INTO link (resident_id, home_id, feed, source_key, rule, valid_from, known_from, unit_id)
    SELECT 1000000 + n, 1000000 + n, '{JUKI}', 'N' || n, 'founder', '{DAY}', now(), 1
    FROM generate_series(1, 10000) AS n;
"""


@pytest.mark.parametrize("facility", ["HOME", "juki.resident/", "/HOME"])
def test_a_facility_without_its_feed_is_refused(hub: Hub, tmp_path: Path, facility: str) -> None:
    text = (
        (ROOT / "renkei.toml").read_text("utf-8").replace("facilities = []", f'facilities = ["{facility}"]')
    )
    (tmp_path / "renkei.toml").write_text(text, "utf-8")

    with pytest.raises(FixDeclaration, match="facilities"):
        _ = load(tmp_path).config


# residents that are joined and parted ----------------------------------------------------------------


def test_a_decision_taken_back_gives_each_person_their_own_standing_again(hub: Hub) -> None:
    hub.deliver(JUKI, somebody("500", "protected", match_key="a500"))
    hub.deliver(TAX, somebody("501", "none", match_key="b501"))
    homes = [hub.resident(JUKI, "500"), hub.resident(TAX, "501")]

    decide(hub, homes, "INSERT INTO decision (kind, left_feed, left_key, left_home, right_feed, right_key, right_home,"
           " author, reason, decided_at, in_force_from) VALUES ('same', 'juki.resident', '500', :left, 'tax.taxpayer',"
           " '501', :right, 'cli:asako', '本人確認', now(), now())")  # fmt: skip
    assert hub.resident(JUKI, "500") == hub.resident(TAX, "501")
    assert hub.is_restricted(TAX, "501")
    decide(hub, homes, "UPDATE decision SET in_force_until = now() WHERE left_home = :left")

    assert (hub.standing(JUKI, "500"), hub.is_restricted(JUKI, "500")) == ("protected", True)
    assert (hub.standing(TAX, "501"), hub.is_restricted(TAX, "501")) == ("none", False)
    assert len(hub.marks_of(JUKI, "500")) == 1


def decide(hub: Hub, homes: list[int], statement: str) -> None:
    hub.taken += 1
    hub.now = START + timedelta(minutes=hub.taken)
    with hub.engine.begin() as connection:
        connection.execute(sa.text(statement), {"left": homes[0], "right": homes[1]})
        settled = identity.settle(connection, homes, now=hub.now)
        connection.exec_driver_sql("CREATE TEMP TABLE touched (resident_id bigint) ON COMMIT DROP")
        rows = [{"id": each} for each in settled.touched]
        connection.execute(sa.text("INSERT INTO touched VALUES (:id)"), rows)
        marks.refresh(connection, unit_id=None, now=hub.now)
        trust = dict.fromkeys(golden.GROUPS, ("juki", "tax", "welfare"))
        golden.derive(connection, trust=trust, unit_id=None, now=hub.now)


# in flight, on screen, from before -------------------------------------------------------------------


def test_a_mark_that_lands_while_a_report_is_written_is_in_the_report(
    registry: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(registry)
    hub = Hub(engine=registry, project=load(ROOT))
    landed: list[int] = []

    def meanwhile(name: str) -> None:
        if name == "report.rendered" and not landed:
            marked = somebody("0000000019", "protected", full_name="吉田 太郎", source_version="2")
            landed.append(hub.deliver(TAX, marked))

    monkeypatch.setattr(publishing, "failpoint", meanwhile)
    before = views.restricted_digest(registry)

    published = publishing.publish(
        registry, project=Stub(tmp_path, tmp_path / "var"), as_of=AS_OF, out=None, actor="cli:test", now=START  # type: ignore[arg-type]
    )  # fmt: skip

    text = next(file for file in published.files if file.suffix == ".csv").read_text("utf-8-sig")
    assert landed
    assert views.restricted_digest(registry) != before
    assert "本町1丁目2番3号" not in text


def test_the_list_tells_nobody_who_it_is_without_a_purpose(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.deliver(JUKI, somebody("7000000600", "protected", protected_until=date(2025, 3, 31)))
    hub.deliver(JUKI, somebody("7000000600", "none", protected_until=None, source_version="2"))
    number = hub.mark(JUKI, "7000000600").protection_id
    after = ["--after", str(number - 1), "--limit", "1"]

    assert main(["protection", "list", *after, "--ending", "--json"]) == 0
    masked = capsys.readouterr().out
    assert main(["protection", "list", *after, "--reveal", "--purpose", "期限の確認"]) == 0
    clear = capsys.readouterr().out

    assert "7000000600" not in masked
    assert '"is_term_over": true' in masked
    assert "7000000600" in clear
    assert main(["protection", "list", "--reveal"]) == 4


def test_the_commands_end_one_between_two_people(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.deliver(JUKI, somebody("610", "protected"))
    hub.deliver(JUKI, somebody("610", "none", source_version="2"))
    number = str(hub.mark(JUKI, "610").protection_id)
    monkeypatch.setattr("renkei.cli.place.actor", lambda: ASKER)
    assert main(["protection", "end", number, "--reason", "終了届"]) == 0
    assert main(["protection", "approve", number]) == 4
    assert main(["protection", "approve", number, "--refuse", "届が未着"]) == 0
    assert main(["protection", "end", number, "--reason", "終了届"]) == 0
    monkeypatch.setattr("renkei.cli.place.actor", lambda: APPROVER)
    capsys.readouterr()

    assert main(["protection", "approve", number, "--json"]) == 0

    assert '"still_restricted": false' in capsys.readouterr().out
    assert not hub.is_restricted(JUKI, "610")


def test_what_was_marked_before_the_table_is_taken_over(hub: Hub) -> None:
    hub.deliver(JUKI, *(somebody(key, "protected") for key in ("620", "621", "622")))
    hub.deliver(JUKI, somebody("621", "none", source_version="2"), ended=("622",))
    script = ROOT / "src/renkei/registry/migrations/versions/0008_protection.sql"
    fill = next(
        part for part in script.read_text("utf-8").split(";") if "INSERT INTO protection (" in part
    ).partition("INSERT")

    with hub.engine.connect() as connection:  # rolled back
        connection.exec_driver_sql("DELETE FROM protection")
        connection.exec_driver_sql("".join(fill[1:]))
        query = """
            SELECT source_key, end_told FROM protection
            WHERE feed = 'juki.resident' AND source_key LIKE '62_' ORDER BY source_key
        """
        taken = [tuple(row) for row in connection.exec_driver_sql(query.replace("%", "%%"))]

    assert taken == [("620", None), ("622", "gone")]
