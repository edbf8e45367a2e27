"""Pushes over ODBC: values that a target would bend, keys that it takes for one, and an inbox that is none."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from tests.integration.connectors.pushing import Register, effects_of, outgoing, twin

from renkei.errors import FixDeclaration
from renkei.model import Outgoing, Receipt

PUSH, TARGETS = "parts/odbc_child/push.py", "parts/odbc_child/push_targets.py"
NUMBERED = {"key": "bango", "columns": ["bango", "shimei"]}
ONE_TWICE = "bango | shimei\n1 | 甲\n01 | 乙\n2 | 丙"


def numbered(register: Register, columns: str) -> str:
    """A second table, whose key is a number."""
    table = register.table.replace("taisho", "bangobo")
    register.execute(f"CREATE TABLE {table} (bango integer PRIMARY KEY, {columns})")
    if register.engine == "postgresql":
        register.execute(f"GRANT ALL ON {table} TO renkei_push")
    return table


def pushed(module: ModuleType, register: Register, going: Outgoing, folder: Any, **settings: Any) -> Receipt:
    receipt: Receipt = module.connect(register.connection, workdir=folder / "work").push(
        register.feed(**settings), going
    )
    return receipt


# one key for two rows -----------------------------------------------------------------------------


def test_two_keys_that_are_one_to_the_target_are_nobodys(
    register: Register, odbc: ModuleType, tmp_path: Any
) -> None:
    table = numbered(register, "shimei varchar(20)")

    receipt = pushed(odbc, register, outgoing(ONE_TWICE), tmp_path, table=table, **NUMBERED)

    assert effects_of(receipt) == ["refused 21000", "refused 21000", "applied"]
    assert [tuple(row) for row in register.execute(f"SELECT bango, shimei FROM {table}")] == [(2, "丙")]


def test_a_push_that_does_not_ask_the_target_for_one_key_says_applied_of_what_it_overwrote(
    on_sqlite: Register, tmp_path: Any
) -> None:
    table = numbered(on_sqlite, "shimei varchar(20)")
    hasty = twin(tmp_path, (PUSH, "desk.refused.update(twice(desk, new))\n", "pass\n"))

    receipt = pushed(hasty, on_sqlite, outgoing(ONE_TWICE), tmp_path, table=table, **NUMBERED)

    assert effects_of(receipt) == ["applied"] * 3
    assert on_sqlite.execute(f"SELECT shimei FROM {table} WHERE bango = 1") == [("乙",)]


def test_a_key_that_only_blanks_tell_apart_is_nobodys_where_they_are_filled_up(
    on_postgresql: Register, odbc: ModuleType, tmp_path: Any
) -> None:
    rows = pa.table({"atena_no": ["A", "A "], "shimei": ["甲", "乙"]})

    receipt = pushed(odbc, on_postgresql, Outgoing(key="K-1", rows=rows), tmp_path)

    assert (effects_of(receipt), on_postgresql.names()) == (["refused 21000"] * 2, {})


def test_of_many_new_rows_a_second_one_under_a_key_that_was_just_written_is_refused(
    on_postgresql: Register, odbc: ModuleType, tmp_path: Any
) -> None:
    table = numbered(on_postgresql, "shimei varchar(20)")
    lines = [*(f"{number} | 甲" for number in range(1, 5001)), "01 | 乙", "9999 | 丙"]
    going = outgoing("\n".join(["bango | shimei", *lines]))

    receipt = pushed(odbc, on_postgresql, going, tmp_path, table=table, **NUMBERED)

    assert effects_of(receipt) == [*["applied"] * 5000, "refused 21000", "applied"]
    assert on_postgresql.execute(f"SELECT shimei FROM {table} WHERE bango = 1") == [("甲",)]


# values -------------------------------------------------------------------------------------------

TYPES = (
    "kingaku numeric(10,2), kaisu smallint, ritsu {single}, hi date, jikoku timestamp, sekai double precision"
)
#: Column, value, and the engines that would bend it without a word.
BENT = (
    ("kingaku", "15e-4", "postgresql mariadb"),
    ("kaisu", "15e-1", "mariadb"),
    ("ritsu", "16777217", "postgresql mariadb"),
    ("sekai", "12345678901234567.5", "postgresql mariadb"),
    ("hi", "2026-04-01 10:00:00", "postgresql mariadb"),
    ("jikoku", "2026-04-01 09:00:00+00", "postgresql"),
    ("jikoku", "2026-04-01T09:00:00Z", "postgresql"),
)
#: Values that stand as they were sent.
STRAIGHT: Mapping[str, str] = {
    "kingaku": "-1200.50", "kaisu": "7", "ritsu": "0.1", "hi": "2026-04-01", "jikoku": "2026-04-01 09:00:00",
    "sekai": "0.30000000000000004",
}  # fmt: skip


def of_one_column(number: int, column: str, value: str) -> list[str | None]:
    return [str(number), *(value if name == column else None for name in STRAIGHT)]


def several(rows: list[list[str | None]]) -> Outgoing:
    names = ["bango", *STRAIGHT]
    columns = zip(*rows, strict=True)
    table = {name: pa.array(cells, pa.string()) for name, cells in zip(names, columns, strict=True)}
    return Outgoing(key="K-1", rows=pa.table(table))


def test_a_value_that_its_column_would_round_or_cut_is_refused(
    server: Register, odbc: ModuleType, tmp_path: Any
) -> None:
    single = "real" if server.engine == "postgresql" else "float"
    table = numbered(server, TYPES.format(single=single))
    bent = [each for each in BENT if server.engine in each[2]]
    rows = [of_one_column(number, column, value) for number, (column, value, _) in enumerate(bent)]
    going = several([*rows, ["100", *STRAIGHT.values()]])
    wanted = {"table": table, "key": "bango", "columns": ["bango", *STRAIGHT]}

    receipt = pushed(odbc, server, going, tmp_path, **wanted)

    assert effects_of(receipt) == [*["refused 22001"] * len(bent), "applied"]


def test_a_moment_without_a_zone_is_japans_whatever_the_servers_zone(
    on_postgresql: Register, odbc: ModuleType, tmp_path: Any
) -> None:
    on_postgresql.execute("ALTER ROLE renkei_push SET timezone = 'UTC'")
    table = numbered(on_postgresql, "shimei varchar(20), jikoku timestamptz")
    wanted = {"table": table, "key": "bango", "columns": ["bango", "jikoku"]}
    try:
        pushed(odbc, on_postgresql, outgoing("bango | jikoku\n1 | 2026-04-01 09:00:00"), tmp_path, **wanted)
    finally:
        on_postgresql.execute("ALTER ROLE renkei_push RESET timezone")

    found = on_postgresql.execute(f"SELECT (jikoku AT TIME ZONE 'UTC')::text FROM {table}")
    assert found == [("2026-04-01 00:00:00",)]


# names --------------------------------------------------------------------------------------------


def test_reserved_words_quotes_and_question_marks_are_only_names(
    register: Register, odbc: ModuleType, tmp_path: Any
) -> None:
    quote = "`" if register.engine == "mariadb" else '"'
    odd = ["order", "sel ect?", "a'b", 'あ"い', "c`d", "e%f", "g:h", "i{j}"]
    named = [quote + name.replace(quote, quote * 2) + quote for name in odd]
    table = register.table.replace("taisho", "bangobo")
    register.run(
        f"CREATE TABLE {table} ({', '.join(f'{name} varchar(20)' for name in named)}, PRIMARY KEY ({named[0]}))"
    )
    if register.engine == "postgresql":
        register.execute(f"GRANT ALL ON {table} TO renkei_push")
    first, second = (pa.table({name: [value, "?"] for name in odd}) for value in "12")
    second = second.set_column(0, odd[0], pa.array(["1", "?"]))
    wanted = {"table": table, "key": odd[0], "columns": odd}
    pushed(odbc, register, Outgoing(key="K-1", rows=first), tmp_path, **wanted)

    receipt = pushed(odbc, register, Outgoing(key="K-2", rows=second, seen=first), tmp_path, **wanted)

    assert effects_of(receipt) == ["applied", "unchanged"]


# an inbox that is none ----------------------------------------------------------------------------


def inbox_of(register: Register, columns: str) -> None:
    inbox = register.table.replace("taisho", "renkei_inbox")
    register.execute(f"DROP TABLE {inbox}")
    register.execute(f"CREATE TABLE {inbox} ({columns})")
    if register.engine == "postgresql":
        register.execute(f"GRANT SELECT, INSERT ON {inbox} TO renkei_push")


def test_an_inbox_that_would_take_a_key_twice_is_refused(
    register: Register, odbc: ModuleType, tmp_path: Any
) -> None:
    inbox_of(register, "push_key varchar(200), applied_at timestamp")

    with pytest.raises(FixDeclaration, match="push_key of renkei_inbox is neither"):
        pushed(odbc, register, outgoing(), tmp_path, inbox=True)

    assert register.names() == {}


def test_an_inbox_that_refuses_every_key_does_not_say_that_it_has_it(
    on_postgresql: Register, odbc: ModuleType, tmp_path: Any
) -> None:
    inbox_of(
        on_postgresql,
        "push_key varchar(200) PRIMARY KEY, applied_at timestamp NULL, dare varchar(9) NOT NULL",
    )

    with pytest.raises(FixDeclaration) as told:
        pushed(odbc, on_postgresql, outgoing(), tmp_path, inbox=True)

    assert (told.value.code, told.value.facts["object"]) == ("E_TARGET_OBJECT", "renkei_inbox")
    assert told.value.facts["connection"] == "peer"
