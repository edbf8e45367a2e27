"""Pushes over ODBC: what is written, what is left alone, and what is said of each row."""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.integration.connectors.pushing import (
    COLUMNS,
    PEOPLE,
    Register,
    effects_of,
    outgoing,
    table_of,
    twin,
)

from renkei.errors import FixDeclaration
from renkei.model import Outgoing, ReadBack, Receipt

Push = Callable[..., Receipt]
JUDGE, DESK, TARGETS, PUSH = (
    f"parts/odbc_child/push{part}.py" for part in ("_judge", "_desk", "_targets", "")
)
MOVED = """
atena_no   | shimei
0000000019 | 髙﨑　転郎
"""


@pytest.fixture
def push(odbc: ModuleType, tmp_path: Path) -> Push:
    """Push once, by the connector as the city has it or by a twin."""

    def once(register: Register, going: Outgoing, *, by: ModuleType = odbc, **settings: Any) -> Receipt:
        receipt: Receipt = by.connect(register.connection, workdir=tmp_path / "work").push(
            register.feed(**settings), going
        )
        return receipt

    return once


@pytest.fixture
def read_back(odbc: ModuleType, tmp_path: Path) -> Callable[..., ReadBack]:
    """Ask what stands."""

    def ask(register: Register, going: Outgoing, *, by: ModuleType = odbc, **settings: Any) -> ReadBack:
        back: ReadBack = by.connect(register.connection, workdir=tmp_path / "work").read_back(
            register.feed(**settings), going
        )
        return back

    return ask


# once ---------------------------------------------------------------------------------------------


def test_rows_are_written_by_their_key_and_read_back_as_they_stand(
    register: Register, push: Push, read_back: Callable[..., ReadBack]
) -> None:
    register.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '旧')")

    receipt = push(register, outgoing())
    back = read_back(register, outgoing())

    assert (receipt.effect, effects_of(receipt)) == ("applied", ["applied"] * 3)
    assert register.effects() == 1 + 3
    assert back.landed
    assert back.rows is not None
    assert back.rows.to_pylist() == table_of(PEOPLE).to_pylist()


def test_nobody_is_read_back_before_he_was_pushed(
    on_mariadb: Register, read_back: Callable[..., ReadBack]
) -> None:
    back = read_back(on_mariadb, outgoing())

    assert not back.landed
    assert back.rows is not None
    assert back.rows.to_pylist() == [dict.fromkeys(COLUMNS)] * 3


def test_a_second_push_of_the_same_rows_changes_nothing(register: Register, push: Push) -> None:
    push(register, outgoing())

    again = push(register, outgoing())

    assert (again.effect, effects_of(again), register.effects()) == ("unchanged", ["unchanged"] * 3, 3)


def test_a_push_that_does_not_look_what_stands_writes_twice(
    on_sqlite: Register, push: Push, tmp_path: Path
) -> None:
    blind = twin(
        tmp_path,
        (JUDGE, "    if standing.stands:\n", "    if False:\n"),
        (
            DESK,
            "if desk.target.count(desk.connection, statement) != len(numbers):",
            "if not desk.target.count(desk.connection, statement) and False:",
        ),
    )
    push(on_sqlite, outgoing(), by=blind)

    push(on_sqlite, outgoing(), by=blind)

    assert on_sqlite.effects() == 6


def test_under_a_key_in_the_inbox_nothing_is_done_again_even_after_a_clerk_put_it_back(
    register: Register, push: Push
) -> None:
    register.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '旧')")
    going = outgoing(MOVED, seen="shimei\n旧")
    first = push(register, going, inbox=True)
    register.execute("UPDATE {t} SET shimei = '旧'")

    again = push(register, going, inbox=True)

    assert (first.effect, again.effect, effects_of(again)) == ("applied", "already", ["conflict"])
    assert register.names() == {"0000000019": "旧"}


def test_without_the_inbox_the_clerk_who_put_it_back_is_overwritten(
    on_sqlite: Register, push: Push, tmp_path: Path
) -> None:
    forgetful = twin(tmp_path, (PUSH, 'if order["inbox"] and not _entered', "if False and not _entered"))
    on_sqlite.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '旧')")
    going = outgoing(MOVED, seen="shimei\n旧")
    push(on_sqlite, going, by=forgetful, inbox=True)
    on_sqlite.execute("UPDATE {t} SET shimei = '旧'")

    again = push(on_sqlite, going, by=forgetful, inbox=True)

    assert again.effect == "applied"


def test_what_was_refused_leaves_no_key_in_the_inbox(on_mariadb: Register, push: Push) -> None:
    refused = push(on_mariadb, outgoing("atena_no | zeigaku\n1 | 2000000"), inbox=True)
    corrected = push(on_mariadb, outgoing("atena_no | shimei | zeigaku\n1 | 葛城 | 2000"), inbox=True)

    assert (refused.effect, corrected.effect) == ("refused", "applied")


# compare and set ----------------------------------------------------------------------------------


def test_only_what_still_stands_as_seen_is_overwritten(register: Register, push: Push) -> None:
    push(register, outgoing())
    register.execute("UPDATE {t} SET shimei = '窓口の訂正' WHERE atena_no = '0000000027'")
    text = "atena_no | shimei\n0000000019 | 新一\n0000000027 | 新二\n0000000035 | 新三\n0000000043 | 新四"
    seen = 'shimei | kana\n髙﨑　𠮷郎 | タカサキ\n葛\U000e0101城 花子 |\nO\'Neil "x" \\ | NULL\n前四 | NULL'

    receipt = push(register, outgoing(text, seen=seen))

    assert effects_of(receipt) == ["applied", "conflict", "applied", "conflict"]
    assert register.names() == {"0000000019": "新一", "0000000027": "窓口の訂正", "0000000035": "新三"}


def test_a_push_that_forgets_what_was_seen_overwrites_the_clerk(
    on_mariadb: Register, push: Push, tmp_path: Path
) -> None:
    careless = twin(
        tmp_path,
        (JUDGE, '(seen == "row" and standing.as_seen)', 'seen == "row"'),
        (DESK, "{among(numbers)} AND {as_seen(desk)}", "{among(numbers)}"),
    )
    on_mariadb.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '窓口の訂正')")

    push(on_mariadb, outgoing(MOVED, seen="shimei\n旧"), by=careless)

    assert on_mariadb.names() == {"0000000019": "髙﨑　転郎"}


def test_a_row_of_nulls_means_that_nobody_was_there(register: Register, push: Push) -> None:
    register.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '先客')")
    text = "atena_no | shimei\n0000000019 | 新一\n0000000027 | 新二"

    receipt = push(register, outgoing(text, seen="shimei\nNULL\nNULL"))

    assert effects_of(receipt) == ["conflict", "applied"]
    assert register.names() == {"0000000019": "先客", "0000000027": "新二"}


def test_kana_of_the_other_kind_is_not_what_was_seen(on_mariadb: Register, push: Push) -> None:
    on_mariadb.execute("INSERT INTO {t} (atena_no, shimei, kana) VALUES ('0000000019', '旧', 'ハナ')")

    receipt = push(on_mariadb, outgoing(MOVED, seen="kana\nはな"))

    assert effects_of(receipt) == ["conflict"]


# one of many --------------------------------------------------------------------------------------


def hundred() -> Outgoing:
    """A hundred rows; the target has a constraint that the 57th breaks."""
    lines = [f"{n:010d} | 氏名{n} | {2_000_000 if n == 57 else n}" for n in range(1, 101)]
    return outgoing("\n".join(["atena_no | shimei | zeigaku", *lines]))


def test_of_a_hundred_rows_the_one_that_is_refused_is_refused_alone(register: Register, push: Push) -> None:
    receipt = push(register, hundred())

    told = effects_of(receipt)
    assert told[56].startswith("refused 23")
    assert told[:56] + told[57:] == ["applied"] * 99
    assert (receipt.effect, len(register.names()), register.effects()) == ("refused", 99, 99)


def test_a_batch_that_must_be_whole_is_undone_by_one_refusal(on_mariadb: Register, push: Push) -> None:
    receipt = push(on_mariadb, hundred(), partial="whole")

    told = effects_of(receipt)
    assert told[56].startswith("refused 23")
    assert set(told[:56] + told[57:]) == {"refused 40000"}
    assert (receipt.effect, on_mariadb.names()) == ("refused", {})


def test_a_batch_that_need_not_be_whole_but_should_stays_in_parts(
    on_sqlite: Register, push: Push, tmp_path: Path
) -> None:
    lax = twin(tmp_path, (PUSH, 'order["partial"] == "whole"', "False"))

    push(on_sqlite, hundred(), by=lax, partial="whole")

    assert len(on_sqlite.names()) == 99


BENT = """
atena_no   | shimei | zeigaku | umare
0000000001 | 端数   | 1.5     | 2026-01-01
0000000002 | 一二三四五六七八九十一二三四五六七八九十一 | 1 | 2026-01-01
0000000003 | 無い日 | 1       | 2026-02-30
0000000004 | 非数   | x1      | 2026-01-01
0000000005 | NULL   | 1       | 2026-01-01
NULL       | 無番   | 1       | 2026-01-01
0000000007 | 正しい | 1       | 2026-01-01
"""


def test_a_value_that_would_be_bent_is_refused_instead(register: Register, push: Push) -> None:
    told = [effect.partition(" ") for effect in effects_of(push(register, outgoing(BENT)))]

    # SQLite keeps any value as it is, of any length: there is nothing that it would bend
    takes = ["applied"] * 3 if register.engine == "sqlite" else ["refused"] * 3
    assert [effect for effect, _, _ in told] == [*takes, *["refused"] * 3, "applied"]
    assert {code[:2] for _, _, code in told if code} <= {"22", "23"}


def test_a_text_that_holds_u0000_is_refused_before_a_driver_ends_it_there(
    on_sqlite: Register, push: Push
) -> None:
    receipt = push(on_sqlite, outgoing("atena_no | shimei\n1 | 山\0田\n2 | 川田"))

    assert effects_of(receipt) == ["refused 22021", "applied"]


def test_of_many_rows_every_second_changed_each_has_its_own_effect(register: Register, push: Push) -> None:
    many = outgoing("\n".join(["atena_no | shimei", *(f"{n:010d} | 氏名{n}" for n in range(6000))]))
    push(register, many)
    register.execute("UPDATE {t} SET shimei = '窓口' WHERE atena_no LIKE '%1' OR atena_no LIKE '%4'")

    told = effects_of(push(register, many))

    assert told == ["applied" if n % 10 in {1, 4} else "unchanged" for n in range(6000)]


def test_a_whole_batch_that_a_clerk_was_faster_than_is_a_conflict(
    on_postgresql: Register, push: Push
) -> None:
    on_postgresql.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '窓口')")
    text = "atena_no | shimei\n0000000019 | 新\n0000000027 | 新"

    receipt = push(on_postgresql, outgoing(text, seen="shimei\n旧\nNULL"), partial="whole")

    assert (receipt.effect, effects_of(receipt)) == ("conflict", ["conflict", "refused 40000"])
    assert on_postgresql.names() == {"0000000019": "窓口"}


def test_one_key_twice_in_a_push_is_nobodys(on_sqlite: Register, push: Push) -> None:
    receipt = push(on_sqlite, outgoing("atena_no | shimei\n1 | 甲\n2 | 乙\n1 | 丙"))

    assert effects_of(receipt) == ["refused 21000", "applied", "refused 21000"]


def test_a_key_that_only_the_target_takes_for_the_same_is_refused(on_mariadb: Register, push: Push) -> None:
    on_mariadb.execute("ALTER TABLE {t} MODIFY atena_no char(10) COLLATE utf8mb4_general_ci")
    on_mariadb.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('a1', '別人')")

    receipt = push(on_mariadb, outgoing("atena_no | shimei\nA1 | 本人"))

    assert effects_of(receipt) == ["refused E_PUSH_KEY"]
    assert on_mariadb.names() == {"a1": "別人"}


# the right person ---------------------------------------------------------------------------------

PERSON = {"verify": {"umare": "kakunin"}, "columns": ["atena_no", "shimei"]}
NAMED = """
atena_no   | shimei | kakunin
0000000019 | 新一   | 1868-01-25
0000000027 | 新二   | 1868-01-25
0000000035 | 新三   | 1868-01-25
0000000043 | 新四   | 1868-01-25
"""


def test_another_persons_row_is_not_written(register: Register, push: Push) -> None:
    register.execute(
        "INSERT INTO {t} (atena_no, shimei, umare) VALUES ('0000000019', '一', '1868-01-25'),"
        " ('0000000027', '二', '1999-12-31'), ('0000000035', '三', NULL)"
    )

    receipt = push(register, outgoing(NAMED), **PERSON)

    refused = "refused E_PUSH_PERSON"
    assert effects_of(receipt) == ["applied", refused, refused, refused]
    assert list(register.names().values()) == ["新一", "二", "三"]


# what is refused before anything is written -------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"key": "shimei"}, "neither the primary key nor a unique key"),
        ({"columns": ["atena_no", "shimei"]}, "column kana is not among columns"),
        ({"columns": ["shimei"]}, "key atena_no is not among columns"),
        ({"table": None}, "a push needs table"),
        ({"partial": "some"}, "partial is neither"),
        ({"origin": {"shimei": "x"}}, "origin shimei is among columns too"),
        ({"deadline": "soon"}, "is no duration"),
    ],
    ids=["key", "column", "no key", "no table", "partial", "origin", "deadline"],
)
def test_a_declaration_that_cannot_be_kept_is_told(
    settings: dict[str, Any], said: str, on_sqlite: Register, push: Push
) -> None:
    with pytest.raises(FixDeclaration) as told:
        push(on_sqlite, outgoing(), **settings)

    assert said in str(told.value)
    assert on_sqlite.effects() == 0


@pytest.mark.parametrize(
    ("settings", "what"),
    [({"origin": {"moto": "x"}}, "moto"), ({"inbox": True}, "renkei_inbox")],
    ids=["column", "inbox"],
)
def test_what_is_not_in_the_catalogue_is_told(
    settings: dict[str, Any], what: str, on_postgresql: Register, push: Push
) -> None:
    on_postgresql.execute("DROP TABLE fukushi.renkei_inbox")

    with pytest.raises(FixDeclaration) as told:
        push(on_postgresql, outgoing(), **settings)

    assert told.value.code == "E_TARGET_OBJECT"
    assert what in told.value.facts["object"]


def test_a_table_that_is_not_there_is_told(register: Register, push: Push) -> None:
    with pytest.raises(FixDeclaration) as told:
        push(register, outgoing(), table="nowhere")

    assert (told.value.code, told.value.facts["object"]) == ("E_TARGET_OBJECT", "nowhere (*)")


def test_a_unique_key_that_is_no_primary_key_is_taken(register: Register, push: Push) -> None:
    register.execute("CREATE UNIQUE INDEX shimei_only ON {t} (shimei)")
    register.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '髙﨑')")

    receipt = push(
        register, outgoing("shimei | kana\n髙﨑 | タカサキ"), key="shimei", columns=["shimei", "kana"]
    )

    assert effects_of(receipt) == ["applied"]
    assert register.execute("SELECT kana FROM {t}")[0][0] == "タカサキ"


@pytest.mark.parametrize(
    "index", ["(shimei) WHERE kana IS NULL", "(lower(shimei))"], ids=["partial", "expression"]
)
def test_a_key_that_is_unique_only_in_part_is_not(index: str, on_postgresql: Register, push: Push) -> None:
    on_postgresql.execute(f"CREATE UNIQUE INDEX only_in_part ON {{t}} {index}")

    with pytest.raises(FixDeclaration, match="neither the primary key"):
        push(on_postgresql, outgoing("shimei | kana\n髙﨑 | タカサキ"), key="shimei")


def test_a_right_that_is_missing_is_told(on_postgresql: Register, push: Push) -> None:
    on_postgresql.execute("REVOKE UPDATE ON {t} FROM renkei_push")
    on_postgresql.execute("INSERT INTO {t} (atena_no, shimei) VALUES ('0000000019', '旧')")

    with pytest.raises(FixDeclaration) as told:
        push(on_postgresql, outgoing(MOVED))

    assert told.value.code == "E_TARGET_OBJECT"


def test_a_table_without_transactions_is_refused(on_mariadb: Register, push: Push) -> None:
    on_mariadb.execute("ALTER TABLE {t} ENGINE = Aria")

    with pytest.raises(FixDeclaration, match="knows no transactions"):
        push(on_mariadb, outgoing())


# what is left ------------------------------------------------------------------------------------


def test_no_rows_stay_in_the_work_folder_and_none_of_a_dead_hub(
    on_sqlite: Register, push: Push, tmp_path: Path
) -> None:
    dead = tmp_path / "work" / "sample.odbc.999999.abc.push"
    dead.mkdir(parents=True)
    (dead / "rows").write_text("残り")

    push(on_sqlite, outgoing())

    assert list((tmp_path / "work").iterdir()) == []


def test_a_push_leaves_no_table_behind(on_postgresql: Register, push: Push) -> None:
    push(on_postgresql, outgoing())

    left = on_postgresql.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'renkei_p%'")
    assert left[0][0] == 0


def test_nobody_uses_fast_executemany() -> None:
    root = Path(__file__).resolve().parents[3]
    places = [place for folder in ("src", "connectors", "dags") for place in (root / folder).rglob("*.py")]

    using = [place.name for place in places if re.search(r"fast_executemany", place.read_text("utf-8"))]

    assert len(places) > 50
    assert using == []
