"""Pushes over ODBC when something goes wrong: killed, cut, undone, overtaken, mistaken for another person."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.pushing import Register, effects_of, outgoing, twin

from renkei.errors import RenkeiError, TryAgain
from renkei.failpoint import PUSH_NAMES
from renkei.model import Connection, Outgoing, ReadBack, Receipt

JUDGE, DESK, TARGETS, PUSH = (
    f"parts/odbc_child/push{part}.py" for part in ("_judge", "_desk", "_targets", "")
)
#: Of the links that a push opens the first only knocks; the second carries it.
CARRYING = 2
#: So many bytes from the end of what the target says there is not yet the word that the commit is done.
ANSWER = 10
MOVED = "atena_no | shimei\n0000000019 | 新しい名"


@pytest.fixture
def hub(odbc: ModuleType, tmp_path: Path) -> "Hub":
    """The hub's side, with a work folder of its own."""
    return Hub(odbc, tmp_path / "work")


class Hub:
    """Pushes and reads back by one module."""

    def __init__(self, module: ModuleType, workdir: Path) -> None:
        self._module, self._workdir = module, workdir

    def push(
        self, register: Register, going: Outgoing, *, by: Connection | None = None, **settings: Any
    ) -> Receipt:
        """Once, through ``by`` if that is another way to the register."""
        connector = self._module.connect(by or register.connection, workdir=self._workdir)
        receipt: Receipt = connector.push(register.feed(**settings), going)
        return receipt

    def read_back(self, register: Register, going: Outgoing, **settings: Any) -> ReadBack:
        """On a new connection."""
        connector = self._module.connect(register.connection, workdir=self._workdir)
        back: ReadBack = connector.read_back(register.feed(**settings), going)
        return back


# killed -------------------------------------------------------------------------------------------


#: Every place on one of them; on the others where a transaction is open, and where it is done.
KILLED = [
    *(("on_postgresql", name) for name in PUSH_NAMES if name != "push.readback"),
    ("on_mariadb", "push.target_written"),
    ("on_sqlite", "push.target_committed"),
]


@pytest.mark.parametrize(("engine", "place"), KILLED)
def test_killed_at_any_place_and_pushed_again_it_is_written_once(
    engine: str, place: str, request: pytest.FixtureRequest, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    register: Register = request.getfixturevalue(engine)
    monkeypatch.setenv("RENKEI_FAILPOINTS", f"{place}=kill9")
    if place == "push.target_committed":
        receipt = hub.push(register, outgoing())
        assert (receipt.effect, effects_of(receipt)) == ("unknown", ["unknown"] * 3)
    else:
        with pytest.raises(TryAgain, match="E_TARGET_LOST"):
            hub.push(register, outgoing())
        assert register.names() == {}
    monkeypatch.delenv("RENKEI_FAILPOINTS")

    again = hub.push(register, outgoing())

    assert set(effects_of(again)) <= {"applied", "unchanged"}
    assert register.effects() == 3
    assert hub.read_back(register, outgoing()).landed


def test_a_read_back_that_is_killed_can_be_asked_again(
    on_sqlite: Register, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.push(on_sqlite, outgoing())
    monkeypatch.setenv("RENKEI_FAILPOINTS", "push.readback=kill9")
    with pytest.raises(TryAgain, match="E_TARGET_LOST"):
        hub.read_back(on_sqlite, outgoing())
    monkeypatch.delenv("RENKEI_FAILPOINTS")

    assert hub.read_back(on_sqlite, outgoing()).landed


# cut ----------------------------------------------------------------------------------------------


def passed(register: Register, hub: Hub) -> dict[str, int]:
    """How many bytes a push sends and gets on the link that carries it: another such push does the same."""
    down: list[int] = []

    def counting() -> Callable[[bytes], bytes]:
        place = len(down)
        down.append(0)

        def count(data: bytes) -> bytes:
            down[place] += len(data)
            return data

        return count

    with FaultProxy(register.port, rewrite=counting) as proxy:
        hub.push(register, outgoing(), by=register.behind(proxy.port))
        return {"up": proxy.passed["up"], "down": down[CARRYING - 1]}


@contextmanager
def cut(register: Register, direction: Any, after: int, action: Any = "cut") -> Iterator[Connection]:
    """The register behind a link that breaks."""
    fault = Fault(direction=direction, after=after, action=action, connection=CARRYING)
    with FaultProxy(register.port, faults=[fault]) as proxy:
        yield register.behind(proxy.port)


#: How much of a link's bytes pass: what is asked is cut early and late, the answer to the commit last of all.
PARTS = {"up": (0.3, 0.9), "down": (0.5, 0.97)}


@pytest.mark.parametrize("direction", PARTS)
def test_cut_anywhere_and_pushed_again_it_is_written_once(direction: str, server: Register, hub: Hub) -> None:
    total = passed(server, hub)[direction]
    for part in PARTS[direction]:
        server.execute("DELETE FROM {t}")
        before = server.effects()
        with cut(server, direction, int(total * part)) as broken:
            told = _told(hub, server, broken)
        assert told in {"nothing", "unknown", "applied"}
        assert told != "nothing" or server.names() == {}

        hub.push(server, outgoing())

        assert server.effects() - before == 3
    assert hub.read_back(server, outgoing()).landed


def _told(hub: Hub, register: Register, by: Connection) -> str:
    try:
        return hub.push(register, outgoing(), by=by).effect
    except TryAgain:
        return "nothing"


@pytest.mark.parametrize(
    ("engine", "action"), [("on_postgresql", "cut"), ("on_mariadb", "reset"), ("on_mariadb", "black_hole")]
)
def test_a_lost_answer_to_the_commit_is_unknown_and_the_second_push_finds_it_done(
    engine: str, action: str, request: pytest.FixtureRequest, hub: Hub
) -> None:
    server: Register = request.getfixturevalue(engine)
    total = passed(server, hub)["down"]
    server.execute("DELETE FROM {t}")
    before = server.effects()

    with cut(server, "down", total - ANSWER, action) as broken:
        receipt = hub.push(server, outgoing(), by=broken, deadline="4s")
    again = hub.push(server, outgoing())

    assert (receipt.effect, effects_of(again)) == ("unknown", ["unchanged"] * 3)
    assert server.effects() - before == 3


def test_a_push_that_takes_silence_for_failure_says_so_of_what_was_done(
    on_postgresql: Register, hub: Hub, tmp_path: Path
) -> None:
    total = passed(on_postgresql, hub)["down"]
    on_postgresql.execute("DELETE FROM {t}")
    sure = Hub(
        twin(tmp_path, ("parts/odbc_push.py", "if not verdicts.exists():", "if True:"),
             (PUSH, 'return code or "unknown"', "raise")), tmp_path / "twin_work"
    )  # fmt: skip

    with cut(on_postgresql, "down", total - ANSWER) as broken, pytest.raises(RenkeiError):
        sure.push(on_postgresql, outgoing(), by=broken)

    assert len(on_postgresql.names()) == 3


def test_a_link_that_goes_silent_is_ended_by_the_deadline_with_nothing_written(
    on_mariadb: Register, hub: Hub
) -> None:
    server = on_mariadb
    with cut(server, "down", 400, "black_hole") as silent, pytest.raises(TryAgain) as told:
        hub.push(server, outgoing(), by=silent, deadline="2s")

    assert told.value.code == "E_PUSH_DEADLINE"
    assert server.names() == {}


# acknowledged, but not so -------------------------------------------------------------------------

UNDOING = {
    "postgresql": """
        CREATE FUNCTION fukushi.kesu() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN DELETE FROM fukushi.taisho WHERE atena_no = NEW.atena_no; RETURN NULL; END $$;
        CREATE TRIGGER zz_kesu AFTER INSERT ON fukushi.taisho FOR EACH ROW EXECUTE FUNCTION fukushi.kesu()""",
    "mariadb": "CREATE TRIGGER kesu BEFORE INSERT ON taisho FOR EACH ROW SET NEW.shimei = '別の名'",
    "sqlite": """
        CREATE TRIGGER kesu AFTER INSERT ON taisho
        BEGIN DELETE FROM taisho WHERE atena_no = NEW.atena_no; END""",
}


def test_what_a_trigger_undoes_has_not_landed_whatever_the_target_said(register: Register, hub: Hub) -> None:
    register.execute(UNDOING[register.engine])

    receipt = hub.push(register, outgoing())

    assert receipt.effect == "applied"
    assert not hub.read_back(register, outgoing()).landed


def test_a_read_back_that_believes_the_target_calls_it_landed(
    on_sqlite: Register, hub: Hub, tmp_path: Path
) -> None:
    on_sqlite.execute(UNDOING["sqlite"])
    hub.push(on_sqlite, outgoing())
    trusting = Hub(twin(tmp_path, (PUSH, '{"landed": landed}', '{"landed": True}')), tmp_path / "w")

    assert trusting.read_back(on_sqlite, outgoing()).landed


def test_a_row_that_a_trigger_leaves_as_it_was_is_refused(server: Register, hub: Hub) -> None:
    server.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '旧')")
    server.execute(
        """CREATE FUNCTION fukushi.naosanai() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RETURN NULL; END $$;
           CREATE TRIGGER aa BEFORE UPDATE ON fukushi.taisho FOR EACH ROW EXECUTE FUNCTION fukushi.naosanai()"""
        if server.engine == "postgresql"
        else "CREATE TRIGGER aa BEFORE UPDATE ON taisho FOR EACH ROW SET NEW.shimei = OLD.shimei"
    )

    receipt = hub.push(server, outgoing(MOVED))

    assert effects_of(receipt) == ["refused 02000"]


def test_a_check_that_fails_only_at_the_commit_refuses_the_push(on_postgresql: Register, hub: Hub) -> None:
    on_postgresql.execute(
        """CREATE FUNCTION fukushi.osoi() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION '%', NEW.shimei; END $$;
           CREATE CONSTRAINT TRIGGER osoi AFTER INSERT ON fukushi.taisho DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION fukushi.osoi()"""
    )

    receipt = hub.push(on_postgresql, outgoing())

    assert effects_of(receipt) == ["refused P0001"] * 3
    assert not hub.read_back(on_postgresql, outgoing()).landed


# somebody else --------------------------------------------------------------------------------------


@contextmanager
def clerk_at_work(register: Register) -> Iterator[None]:
    """A clerk's open transaction has the row."""
    settings = register.connection.settings
    if register.engine == "sqlite":
        import sqlite3

        with closing(sqlite3.connect(settings["database"], isolation_level=None)) as clerk:
            clerk.execute("BEGIN IMMEDIATE")
            yield
        return
    with closing(_open(register)) as clerk, closing(clerk.cursor()) as cursor:
        cursor.execute(f"UPDATE {register.table} SET shimei = '窓口' WHERE atena_no = '0000000019'")
        yield
        clerk.rollback()


def _open(register: Register) -> Any:
    settings = register.connection.settings
    password = Path(settings["password"].removeprefix("file:")).read_text("utf-8")
    known = {"host": "127.0.0.1", "port": register.port, "user": settings["user"], "password": password}
    if register.engine == "postgresql":
        return psycopg.connect(**known, dbname=settings["database"])  # type: ignore[arg-type] # by keyword
    import pymysql

    return pymysql.connect(**known, database=settings["database"], charset="utf8mb4")  # type: ignore[arg-type] # by keyword


def test_a_row_that_a_clerk_holds_is_not_waited_for_long(register: Register, hub: Hub) -> None:
    register.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '旧')")

    with clerk_at_work(register), pytest.raises(TryAgain) as told:
        hub.push(register, outgoing(MOVED), lock_wait="1s")

    assert told.value.code == "E_TARGET_BUSY"
    assert register.names() == {"0000000019": "旧"}


def test_of_several_who_saw_the_same_one_writes_and_the_others_are_told(server: Register, hub: Hub) -> None:
    server.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '旧')")

    def one(number: int) -> str:
        text = f"atena_no | shimei\n0000000019 | 新{number}"
        return hub.push(server, outgoing(text, seen="shimei\n旧", key=f"K-{number}"), lock_wait="15s").effect

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(one, range(4)))

    assert told == ["applied", "conflict", "conflict", "conflict"]
    assert server.effects() == 2


def test_of_many_pushes_at_once_none_reaches_another_person(on_postgresql: Register, hub: Hub) -> None:
    people = [(f"{n:010d}", f"19{n:02d}-04-01") for n in range(1, 17)]
    for number, born in people:
        on_postgresql.execute(
            f"INSERT INTO {{t}} (atena_no, shimei, umare) VALUES ('{number}', '{number}', '{born}')"
        )
    wanted = {"verify": {"umare": "kakunin"}, "columns": ["atena_no", "shimei"], "lock_wait": "15s"}

    def one(place: int) -> str:
        number, _ = people[place]
        # every second session has somebody else's number in its hands
        born = people[place if place % 2 else (place + 2) % 16][1]
        text = f"atena_no | shimei | kakunin\n{number} | {born}の人 | {born}"
        return " ".join(effects_of(hub.push(on_postgresql, outgoing(text, key=f"K-{place}"), **wanted)))

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(one, range(16)))

    assert told == ["refused E_PUSH_PERSON", "applied"] * 8
    rows = on_postgresql.execute("SELECT shimei, umare FROM {t} WHERE shimei LIKE '%の人'")
    assert [name for name, born in rows if name != f"{born}の人"] == []


def test_a_push_that_does_not_look_at_the_person_writes_to_the_wrong_one(
    on_sqlite: Register, tmp_path: Path
) -> None:
    on_sqlite.execute("INSERT INTO {t} (atena_no, shimei, umare) VALUES ('0000000019', '旧', '1999-12-31')")
    hasty = Hub(twin(tmp_path, (JUDGE, "if not standing.is_same_person:", "if False:")), tmp_path / "w")
    text = "atena_no | shimei | kakunin\n0000000019 | 別人 | 1868-01-25"

    hasty.push(on_sqlite, outgoing(text), verify={"umare": "kakunin"}, columns=["atena_no", "shimei"])

    assert on_sqlite.names() == {"0000000019": "別人"}


# the echo -----------------------------------------------------------------------------------------

#: The other system writes names in its own way, so that what comes back is not what was sent.
_OWN_WAY = "CREATE TRIGGER own_{0} BEFORE {0} ON taisho FOR EACH ROW SET NEW.shimei = REPLACE(NEW.shimei, '髙', '高')"


def carried(hub: Hub, source: Register, target: Register, taken: dict[str, int]) -> int:
    """One round from one system to the other: what its own people changed since the last round."""
    changed = source.execute(f"SELECT atena_no FROM {source.table.replace('taisho', 'kazu')}")
    numbers = dict.fromkeys(str(number).strip() for (number,) in changed[taken.get(source.engine, 0) :])
    taken[source.engine] = len(changed)
    rows = [
        (number, name)
        for number, name, origin in source.execute("SELECT atena_no, shimei, henko_moto FROM {t}")
        if str(number).strip() in numbers and not str(origin).startswith("renkei")
    ]
    if rows:
        text = "\n".join(["atena_no | shimei", *(f"{number} | {name}" for number, name in rows)])
        hub.push(target, outgoing(text), origin={"henko_moto": "renkei:{key}"})
    return len(rows)


def back_and_forth(hub: Hub, here: Register, there: Register) -> list[int]:
    """Rows carried in each of three rounds, there and back."""
    for change in ("INSERT", "UPDATE"):
        there.execute(_OWN_WAY.format(change))
    here.execute("INSERT INTO {t} (atena_no, shimei, henko_moto) VALUES ('0000000019', '髙﨑', '窓口')")
    taken: dict[str, int] = {}
    return [carried(hub, here, there, taken) + carried(hub, there, here, taken) for _ in range(3)]


def test_our_own_push_that_comes_back_as_a_change_is_known_within_one_round(
    on_postgresql: Register, on_mariadb: Register, hub: Hub
) -> None:
    assert back_and_forth(hub, on_postgresql, on_mariadb) == [1, 0, 0]
    assert on_postgresql.names() == {"0000000019": "髙﨑"}
    assert on_mariadb.execute("SELECT henko_moto FROM {t}")[0][0] == "renkei:K-1"


def test_a_push_without_its_mark_comes_back_and_spoils_the_spelling(
    on_postgresql: Register, on_mariadb: Register, tmp_path: Path
) -> None:
    unmarked = Hub(twin(tmp_path, (DESK, 'origin=order["origin"]', "origin={}")), tmp_path / "w")

    assert back_and_forth(unmarked, on_postgresql, on_mariadb)[0] == 2
    assert on_postgresql.names() == {"0000000019": "高﨑"}
