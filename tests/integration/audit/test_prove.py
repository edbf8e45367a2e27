"""Each invariant is proven on a sound registry, and each kind of damage breaks the proof that names it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.integration.audit.conftest import Log

from renkei.audit import events
from renkei.errors import Stop
from renkei.landing import Landing
from renkei.prove import Ground, Proof, Reread, prove
from renkei.records import GOLDEN as GROUPS

FEED = "tax.taxpayer"
#: When each night's unit was done.
KNOWN = {1: "2026-11-01 21:00+09", 2: "2026-11-02 21:00+09", 3: "2026-11-03 21:00+09"}
RUN = "00000000-0000-0000-0000-00000000000{number}"


@dataclass
class City:
    """Two nights of one feed. Night 1: A B C merged, D rejected. Night 2: A unchanged, B changed, C gone."""

    log: Log
    ground: Ground
    objects: dict[str, str]

    def prove(self) -> dict[str, Proof]:
        return {proof.id: proof for proof in prove(self.ground)}

    def broken(self) -> set[str]:
        return {name for name, proof in self.prove().items() if not proof.holds}

    def place(self, name: str) -> Path:
        return self.ground.landing.path(self.objects[name])


@pytest.fixture
def city(log: Log, tmp_path: Path) -> City:
    landing, objects = Landing(tmp_path / "landing"), {}
    nights = {
        1: ([("A", "merged"), ("B", "merged"), ("C", "merged"), ("D", "rejected")], ["A", "B", "C"]),
        2: ([("A", "unchanged"), ("B", "merged"), ("D", "rejected")], ["A", "B"]),
    }
    for night, (dispositions, present) in nights.items():
        numbers = list(range(1, len(dispositions) + 1))
        table = {
            "rec_no": numbers,
            "source_key": [key for key, _ in dispositions],
            "kind": [kind for _, kind in dispositions],
        }
        objects[f"delivery{night}"] = _keep(landing, tmp_path, f"bytes of night {night}".encode())
        objects[f"dispositions{night}"] = _keep_table(landing, tmp_path, table)
        objects[f"snapshot{night}"] = _keep_table(
            landing,
            tmp_path,
            {
                "source_key": present,
                "source_version": [f"2026-11-0{1 if key == 'A' else night}" for key in present],
                "content_hash": [f"hash {key}{1 if key == 'A' else night}" for key in present],
            },
        )
    delivered = delivery({"A": "hash A1", "B": "hash B2"})
    ground = Ground(
        engine=log.engine,
        landing=landing,
        public_key=log.public_key,
        witnesses=tuple(log.witnesses),
        reread=lambda _part: delivered,
        replay=lambda _feed: _tell(log, "replay.noop", "delivery:2"),
        elsewhere=lambda parts: {"C": ["same"] * len(parts), "ja": ["same"] * len(parts)},
    )
    made = City(log=log, ground=ground, objects=objects)
    _fill(made)
    log.seal()
    return made


def delivery(
    content: dict[str, str], *, nameless: int = 0, rejected: str = "D", digest: str = "same"
) -> Reread:
    """Night 2's delivery as it is read again."""
    table = {
        "source_key": list(content),
        "source_version": ["2026-11-02"] * len(content),
        "content_hash": list(content.values()),
    }
    return Reread(
        records=pa.table(table, pa.schema([(name, pa.string()) for name in table])),
        rejected=pa.array(list(rejected), pa.string()),
        gone=pa.array([], pa.string()),
        nameless=nameless,
        mapping_digest="digest",
        digest=digest,
    )


DELIVERED = {"A": "hash A1", "B": "hash B2"}


def _keep(landing: Landing, folder: Path, content: bytes) -> str:
    place = folder / "kept"
    place.write_bytes(content)
    return landing.adopt(place, sha256=hashlib.sha256(content).hexdigest())


def _keep_table(landing: Landing, folder: Path, columns: dict[str, list[object]]) -> str:
    pq.write_table(pa.table(columns), folder / "table")
    return landing.adopt(folder / "table")


def _tell(log: Log, action: str, name: str, **detail: object) -> None:
    with log.engine.begin() as connection:
        events.record(connection, action=action, actor="night", object=name, detail=detail)


def _insert(city: City, table: str, **values: object) -> None:
    names = ", ".join(values)
    quoted = ", ".join("NULL" if value is None else f"'{value}'" for value in values.values())
    city.log.tamper(f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({quoted})")


def _fill(city: City) -> None:
    for sha256 in city.objects.values():
        size = city.ground.landing.path(sha256).stat().st_size
        _insert(city, "object", sha256=sha256, bytes=size, first_seen_at="now")
    _insert(city, "lease", resource=FEED, fence=2, holder="nobody", expires_at="now")
    for night in (1, 2):
        _night(city, night)
    _record(city, "A", night=1, rec_no=1)
    _record(city, "B", night=1, rec_no=2, known_to=KNOWN[2])
    _record(city, "C", night=1, rec_no=3, known_to=KNOWN[2])
    _record(city, "B", night=2, rec_no=2)
    _record(city, "C", night=2, removed=True)
    _insert(city, "golden_rule", golden_rule_id=1, body=json.dumps(dict.fromkeys(GROUPS, "trust:tax")))
    for number, key in enumerate("ABC", 1):
        _resident(city, number, key)
    for night, rec_no in ((1, 4), (2, 3)):
        _insert(
            city, "reject", unit_id=night, delivery_id=night, feed=FEED, rec_no=rec_no, source_key="D",
            field="date_of_birth", code="E_IMPOSSIBLE_DATE", detail="",
        )  # fmt: skip
    _insert(
        city, "cursor", feed=FEED, as_of="2026-11-02", position="{}", snapshot=city.objects["snapshot2"],
        unit_id=2, fence=2, moved_at="now",
    )  # fmt: skip


def _night(city: City, night: int) -> None:
    run, day, objects = RUN.format(number=night), date(2026, 11, night), city.objects
    counts = {
        1: {"records": 4, "merged": 3, "unchanged": 0, "superseded": 0, "rejected": 1, "ended": 0},
        2: {"records": 3, "merged": 1, "unchanged": 1, "superseded": 0, "rejected": 1, "ended": 1},
    }[night]
    _insert(
        city, "run", run_id=run, kind="sync_in", target=FEED, as_of=day, state="done", actor="night",
        trigger="test", project_digest="digest", code_version="0", fence=night, started_at="now",
    )  # fmt: skip
    _insert(
        city, "delivery", delivery_id=night, feed=FEED, name=f"KJ_{day}", sha256=objects[f"delivery{night}"],
        as_of=day, received_at="now", run_id=run, verdict="merged",
    )  # fmt: skip
    _insert(
        city, "unit", unit_id=night, delivery_id=night, feed=FEED, as_of=day, run_id=run, fence=night,
        mapping_digest="digest", dispositions=objects[f"dispositions{night}"],
        snapshot=objects[f"snapshot{night}"], done_at="now", **counts,
    )  # fmt: skip
    _tell(city.log, "unit.done", f"unit:{night}", feed=FEED, **counts)


def _resident(city: City, number: int, key: str) -> None:
    """Who has the key: three residents with a record each, of whom the third one's is gone."""
    unit = {"known_from": KNOWN[1], "valid_from": "2026-11-01", "unit_id": 1}
    _insert(city, "resident", resident_id=number, founded_at=KNOWN[1], founded_by_unit=1)
    _insert(
        city, "link", link_id=number, resident_id=number, home_id=number, feed=FEED, source_key=key,
        rule="founder", **unit,
    )  # fmt: skip
    gone = KNOWN[2] if key == "C" else None
    _insert(
        city, "golden_version", golden_id=number, resident_id=number, golden_rule_id=1, known_to=gone, **unit
    )


def _record(city: City, key: str, *, night: int, **values: object) -> None:
    """A version that night brought; a tombstone has no content."""
    _insert(
        city, "person_record", feed=FEED, source_key=key, unit_id=night, known_from=KNOWN[night],
        source_version=f"2026-11-0{night}", valid_from=f"2026-11-0{night}",
        content_hash="" if values.get("removed") else f"hash {key}{night}", **values,
    )  # fmt: skip


def test_a_sound_registry_is_proven_with_what_was_checked(city: City):
    proofs = city.prove()

    assert {name: proof.detail for name, proof in proofs.items() if not proof.holds} == {}
    assert list(proofs) == ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I9", "I10", "I11", "I16", "I20"]
    assert all(proof.checked > 0 for proof in proofs.values())
    assert "unnamed=0" in proofs["I1"].detail


def test_proving_changes_nothing_but_its_own_event(city: City):
    before = city.log.verify()["sealed"] + city.log.verify()["unsealed"]

    city.prove()

    assert city.log.verify()["sealed"] + city.log.verify()["unsealed"] == before + 1


def _flip_a_byte(city: City, name: str) -> None:
    place = city.place(name)
    place.chmod(0o600)
    content = bytearray(place.read_bytes())
    content[3] ^= 1
    place.write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[City], None], set[str]]] = {
    "one bit of a delivery": (lambda city: _flip_a_byte(city, "delivery1"), {"I1"}),
    "a delivery's file gone": (lambda city: city.place("delivery2").unlink(), {"I1"}),
    "a snapshot gone": (lambda city: city.place("snapshot2").unlink(), {"I1", "I4"}),
    "dispositions gone": (lambda city: city.place("dispositions1").unlink(), {"I1", "I2"}),
    "a cut object": (lambda city: city.log.tamper("UPDATE object SET bytes = bytes + 1"), {"I1"}),
    "a count": (
        lambda city: city.log.tamper("UPDATE unit SET merged = 2, unchanged = 1 WHERE unit_id = 1"),
        {"I2", "I20"},
    ),
    "a merged row lost": (
        lambda city: city.log.tamper("DELETE FROM person_record WHERE source_key = 'B' AND unit_id = 2"),
        {"I2", "I4", "I6", "I10", "I16"},
    ),
    "a reject lost": (lambda city: city.log.tamper("DELETE FROM reject WHERE unit_id = 2"), {"I2"}),
    "the last reject of a key lost": (lambda city: city.log.tamper("DELETE FROM reject"), {"I2", "I4"}),
    "dispositions of another unit": (
        lambda city: city.log.tamper(
            "UPDATE unit SET dispositions = (SELECT dispositions FROM unit WHERE unit_id = 1)"
        ),
        {"I2"},
    ),
    "a unit without its event": (
        lambda city: city.log.tamper("DELETE FROM audit_event WHERE body LIKE '%%unit:1%%'"),
        {"I3", "I20"},
    ),
    "a unit twice in the trail": (lambda city: _tell(city.log, "unit.done", "unit:1"), {"I3", "I5", "I20"}),
    "an event of no unit": (lambda city: _tell(city.log, "unit.done", "unit:9"), {"I3", "I20"}),
    "rows of no unit": (
        lambda city: city.log.tamper("UPDATE reject SET unit_id = 9 WHERE unit_id = 1"),
        {"I2", "I3"},
    ),
    "a delivery still waiting": (
        lambda city: city.log.tamper("UPDATE delivery SET verdict = 'landed' WHERE delivery_id = 2"),
        {"I3"},
    ),
    "a watermark that did not move": (
        lambda city: city.log.tamper("UPDATE cursor SET as_of = '2026-11-01'"),
        {"I3"},
    ),
    "a watermark beside its snapshot": (
        lambda city: city.log.tamper(
            "UPDATE cursor SET snapshot = (SELECT snapshot FROM unit WHERE unit_id = 1)"
        ),
        {"I3", "I4", "I6"},
    ),
    "a record lost before it was read": (
        lambda city: _deliver(city, delivery(DELIVERED | {"E": "new"})),
        {"I4", "I6"},
    ),
    "a record held that was not delivered": (
        lambda city: _deliver(city, delivery({"A": "hash A1"})),
        {"I4", "I6"},
    ),
    "the same version twice": (
        lambda city: city.log.tamper(
            "UPDATE person_record SET source_version = '1', content_hash = 'h' WHERE source_key = 'B'"
        ),
        {"I5", "I6"},
    ),
    "a replay that changes a row": (
        lambda city: _replay(
            city, "UPDATE person_record SET known_from = known_from - interval '1 s' WHERE rec_no = 1"
        ),
        {"I7"},
    ),
    "a replay that leaves no event": (lambda city: _silent(city), {"I7"}),
    "a replay that is refused": (lambda city: _refused(city), {"I7"}),
    "an overtaken run that wrote": (
        lambda city: city.log.tamper("UPDATE unit SET fence = 5 - fence"),
        {"I9"},
    ),
    "a fence of another run": (lambda city: city.log.tamper("UPDATE unit SET fence = 2"), {"I9"}),
    "a fence above the lease": (
        lambda city: city.log.tamper("UPDATE lease SET fence = 1"),
        {"I9"},
    ),
    "a changed event": (
        lambda city: city.log.tamper(
            "UPDATE audit_event SET body = replace(body, 'night', 'other') WHERE event_id = 1"
        ),
        {"I20"},
    ),
    "a delivery that is mapped otherwise in another place": (lambda city: _elsewhere(city, "other"), {"I11"}),
    "a delivery that is mapped otherwise now": (
        lambda city: _deliver(city, delivery({"A": "hash A1", "B": "of the hour"})),
        {"I6", "I11"},
    ),
    "a delivery that cannot be mapped in another place": (
        lambda city: _elsewhere(city, "E_ENCODING"),
        {"I11"},
    ),
    "two versions known at once": (
        lambda city: city.log.tamper(
            "UPDATE person_record SET known_to = known_to + interval '1 h' WHERE source_key = 'B' AND unit_id = 1"
        ),
        {"I10"},
    ),
    "a time in which nothing was known": (
        lambda city: city.log.tamper(
            "UPDATE person_record SET known_to = known_to - interval '1 h' WHERE source_key = 'B' AND unit_id = 1"
        ),
        {"I10"},
    ),
    "a present version that was closed": (
        lambda city: city.log.tamper("UPDATE person_record SET known_to = 'infinity' WHERE source_key = 'A'"),
        {"I4", "I6", "I10", "I16"},
    ),
    "an overtaken version that was believed for a while": (
        lambda city: city.log.tamper(
            "UPDATE person_record SET superseded = true WHERE source_key = 'B' AND unit_id = 1"
        ),
        {"I2", "I10"},
    ),
    "a link that was closed": (
        lambda city: city.log.tamper("UPDATE link SET known_to = now() WHERE source_key = 'A'"),
        {"I10", "I16"},
    ),
}


def _elsewhere(city: City, digest: str) -> None:
    surroundings = city.ground.elsewhere
    city.ground = replace(
        city.ground, elsewhere=lambda parts: {**surroundings(parts), "ja": [digest] * len(parts)}
    )


def _deliver(city: City, again: Reread) -> None:
    city.ground = replace(city.ground, reread=lambda _part: again)


def _replay(city: City, statement: str) -> None:
    def change(_feed: str) -> None:
        city.log.tamper(statement)
        _tell(city.log, "replay.noop", "delivery:2")

    city.ground = replace(city.ground, replay=change)


def _silent(city: City) -> None:
    city.ground = replace(city.ground, replay=lambda _feed: None)


def _refused(city: City) -> None:
    def refuse(_feed: str) -> None:
        raise Stop("E_OBJECT_DAMAGED", sha256="00")

    city.ground = replace(city.ground, replay=refuse)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_breaks_the_proof_that_names_it_and_no_other(city: City, damage: str):
    apply, expected = DAMAGES[damage]

    apply(city)

    assert city.broken() == expected


def test_a_record_without_a_readable_key_hides_no_loss_but_excuses_a_surplus(city: City):
    _deliver(city, delivery({"A": "hash A1"}, nameless=1))
    assert city.broken() == set()

    _deliver(city, delivery({"A": "hash A1", "E": "new"}, nameless=1))
    assert city.broken() == {"I4", "I6"}


def test_a_record_that_left_and_came_back_unchanged_is_not_a_double(city: City):
    city.log.tamper(f"UPDATE person_record SET known_to = '{KNOWN[3]}' WHERE source_key = 'C' AND removed")
    _record(city, "C", night=3, rec_no=3)
    city.log.tamper(
        "UPDATE person_record SET source_version = '1', content_hash = 'h'"
        " WHERE source_key = 'C' AND NOT removed"
    )

    assert city.prove()["I5"].holds
    assert city.prove()["I10"].holds


def test_no_resident_s_key_is_told(city: City):
    _deliver(city, delivery(DELIVERED | {"0123456789": "new"}, rejected=""))

    told = json.dumps([vars(proof) for proof in city.prove().values()], ensure_ascii=False)

    assert "0123456789" not in told
