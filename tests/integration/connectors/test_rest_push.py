"""Writing to a provider: once, only over what was seen, and known for what it came to."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.peers import free_port
from tests.integration.connectors.rest_provider import (
    READ,
    Provider,
    connection_to,
    person,
    provider,
    rest,
    twin_of,
)
from tests.integration.connectors.rest_reading import COLUMNS, feed, fill

from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.model import RECEIPT_SCHEMA, Connection, Outgoing, Receipt

__all__ = ["provider", "rest"]

TEXT = pa.schema([(name, pa.string()) for name in COLUMNS])
NOBODY = dict.fromkeys(COLUMNS)


def row(number: int, **changed: str | None) -> dict[str, str | None]:
    """A person as fill() made them, with some columns changed."""
    kana = None if number % 2 else ""
    made = {"no": f"{number:010}", "kanji": "髙﨑　𠮷郎", "kana": kana, "amount": "1.10", "living": "true"}
    return {**made, **changed}


def outgoing(*changes: tuple[dict[str, Any], dict[str, Any]], key: str = "修正依頼-17") -> Outgoing:
    """Rows as they shall be and as they were seen."""
    rows, seen = ([each[place] for each in changes] for place in (0, 1))
    return Outgoing(
        key=key, rows=pa.Table.from_pylist(rows, schema=TEXT), seen=pa.Table.from_pylist(seen, schema=TEXT)
    )


def push(rest: ModuleType, connection: Connection, sent: Outgoing, **settings: Any) -> Receipt:
    receipt: Receipt = rest.connect(connection, workdir=Path("unused")).push(feed(**settings), sent)
    assert receipt.rows is not None
    assert receipt.rows.schema == RECEIPT_SCHEMA
    return receipt


def landed(rest: ModuleType, provider: Provider, folder: Path, sent: Outgoing) -> bool:
    connector = rest.connect(connection_to(provider, folder), workdir=Path("unused"))
    return bool(connector.read_back(feed(), sent).landed)


def effects(receipt: Receipt) -> list[str]:
    return receipt.rows["effect"].to_pylist() if receipt.rows else []


MOVED = row(1, kanji="山田　太郎"), row(1)
BORN = row(9, kanji="山田　花子"), NOBODY


# what is written ----------------------------------------------------------------------------------


def test_each_row_is_answered_for(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    fill(provider, 5)
    sent = outgoing(
        MOVED,
        (row(2), row(2, kanji="before")),  # it stands so already
        (row(3, kanji="x"), row(3, kanji="not what stands there")),
        (row(4, kanji="×"), row(4)),  # the provider refuses it
        (row(8, kanji="x"), row(8)),  # it is gone
        BORN,
        (row(5, amount="¥5"), row(5)),  # no number
    )  # fmt: skip

    receipt = push(rest, connection_to(provider, tmp_path), sent)

    assert effects(receipt) == [
        "applied",
        "unchanged",
        "conflict",
        "refused",
        "conflict",
        "applied",
        "refused",
    ]
    assert receipt.rows["code"].to_pylist() == [None, None, None, "HTTP 422", None, None, "E_BAD_FORMAT"]
    assert receipt.effect == "conflict"
    assert provider.effects == 2


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_is_not_ours_stays_and_numbers_keep_their_digits(
    rest: ModuleType, provider: Provider, tmp_path: Path, method: str
) -> None:
    provider.put("0000000001", person(1, kana=None)[:-1] + ', "tail": {"paid": 7}}')

    push(rest, connection_to(provider, tmp_path), outgoing(MOVED), method=method)

    stands = json.loads(provider.persons["0000000001"])
    assert (stands["name"]["kanji"], stands["tail"], stands["living"]) == ("山田　太郎", {"paid": 7}, True)
    assert method == "PATCH" or '"amount":1.10' in provider.persons["0000000001"]


def test_null_and_empty_are_written_apart(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    fill(provider, 2)
    sent = outgoing((row(1, kana=""), row(1)), (row(2, kana=None), row(2)))

    push(rest, connection_to(provider, tmp_path), sent)

    assert landed(rest, provider, tmp_path, sent)
    assert [json.loads(text)["name"]["kana"] for text in provider.persons.values()] == ["", None]


def test_a_key_is_one_step_of_an_address_whatever_it_holds(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    provider.put("a/../b?c=%2F#d", '{"no": "a/../b?c=%2F#d"}')
    sent = Outgoing(key="k", rows=pa.table({"no": ["a/../b?c=%2F#d"]}))

    push(rest, connection_to(provider, tmp_path), sent, columns={"no": "no"}, types={})

    assert provider.asked["GET"] == 1
    assert provider.effects == 0


def test_two_dots_are_no_address(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    sent = Outgoing(key="k", rows=pa.table({"no": [".."]}))

    with pytest.raises(Stop, match="E_ANSWER"):
        push(rest, connection_to(provider, tmp_path), sent, columns={"no": "no"}, types={})

    assert provider.asked["GET"] == 0


# once ---------------------------------------------------------------------------------------------


def test_a_second_push_under_the_same_key_changes_nothing(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 1)
    connection = connection_to(provider, tmp_path)
    push(rest, connection, outgoing(MOVED, BORN))

    again = push(rest, connection, outgoing(MOVED, BORN))

    assert effects(again) == ["unchanged", "unchanged"]
    assert provider.effects == 2


@pytest.mark.parametrize("change", [MOVED, BORN], ids=["changed", "new"])
def test_a_lost_answer_is_unknown_and_sent_again_it_is_one_effect(
    rest: ModuleType, provider: Provider, tmp_path: Path, change: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    fill(provider, 1)
    provider.lose_reply_of = 1
    sent, connection = outgoing(change), connection_to(provider, tmp_path, retry_seconds="2")

    first = push(rest, connection, sent)
    proved = landed(rest, provider, tmp_path, sent)
    second = push(rest, connection, sent)

    assert (first.effect, proved, second.effect) == ("unknown", True, "unchanged")
    assert provider.effects == 1


def test_twin_that_sends_a_lost_write_again_does_not_know_its_own(provider: Provider, tmp_path: Path) -> None:
    twin = twin_of(tmp_path, "parts/rest_link.py", ('return self.method == "GET"', "return True"))
    fill(provider, 1)
    provider.lose_reply_of = 1

    receipt = push(twin, connection_to(provider, tmp_path, retry_seconds="2"), outgoing(MOVED))

    assert receipt.effect == "conflict"  # with itself


def test_nothing_more_is_asked_once_the_link_is_lost_behind_a_write(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 20)
    sent = outgoing(*((row(number, kanji="x"), row(number)) for number in range(1, 21)))
    fault = Fault(direction="down", after=4_000, action="reset")

    with FaultProxy(provider.port, faults=[fault]) as proxy:
        provider_moves(provider, proxy)
        receipt = push(rest, connection_to(provider, tmp_path, port=proxy.port), sent)
    again = push(rest, connection_to(provider, tmp_path), sent)

    told = effects(receipt)
    assert receipt.effect == "unknown"
    assert told == sorted(told)  # applied, then unknown to the end
    assert again.effect == "applied"
    assert landed(rest, provider, tmp_path, sent)
    assert provider.effects == 20


def provider_moves(provider: Provider, proxy: FaultProxy) -> None:
    """Every connection is cut, so that no later one can go on."""
    proxy.faults.append(Fault(direction="up", after=0, action="reset", connection=2))


def test_a_provider_that_is_not_there_was_told_nothing(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    with pytest.raises(TryAgain, match="E_LINK_DOWN"):
        push(rest, connection_to(provider, tmp_path, port=free_port()), outgoing(MOVED))


# only over what was seen --------------------------------------------------------------------------


def quicker(provider: Provider) -> None:
    """A clerk changes the person between our look and our write."""
    provider.after_look = lambda it: it.put("0000000001", person(1, kanji="職員　入力", kana=None))


def test_what_somebody_changed_meanwhile_is_not_written_over(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 1)
    quicker(provider)

    receipt = push(rest, connection_to(provider, tmp_path), outgoing(MOVED))

    assert effects(receipt) == ["conflict"]
    assert json.loads(provider.persons["0000000001"])["name"]["kanji"] == "職員　入力"


def test_twin_that_asks_for_the_etag_again_writes_over_a_clerk(provider: Provider, tmp_path: Path) -> None:
    fill(provider, 1)
    quicker(provider)
    fresh = ('"If-Match": stands.etag', '"If-Match": (self.standing(row) or stands).etag')
    twin = twin_of(tmp_path, "parts/rest_push.py", fresh)

    push(twin, connection_to(provider, tmp_path), outgoing(MOVED))

    assert json.loads(provider.persons["0000000001"])["name"]["kanji"] == "山田　太郎"


def test_an_item_that_cannot_be_compared_is_not_written(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 1)
    provider.strong = False

    with pytest.raises(Stop, match="E_ANSWER"):
        push(rest, connection_to(provider, tmp_path), outgoing(MOVED))

    assert provider.effects == 0


# what it came to ----------------------------------------------------------------------------------


def test_what_was_acknowledged_and_not_kept_did_not_land(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 1)
    provider.forgets = True
    sent = outgoing(MOVED)

    receipt = push(rest, connection_to(provider, tmp_path), sent)

    assert receipt.effect == "applied"
    assert not landed(rest, provider, tmp_path, sent)


@pytest.mark.parametrize(
    ("status", "effect"),
    [
        (202, "unknown"),
        (500, "unknown"),
        (503, "unknown"),
        (409, "refused"),
        (428, "refused"),
        (404, "conflict"),
    ],
)
def test_what_a_status_means(
    rest: ModuleType, provider: Provider, tmp_path: Path, status: int, effect: str
) -> None:
    fill(provider, 1)
    provider.after_look = lambda it: it.instead.append((status, {}, b""))

    receipt = push(rest, connection_to(provider, tmp_path), outgoing(MOVED))

    assert effects(receipt) == [effect]


def test_a_write_that_was_put_off_is_sent_when_it_may_be(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 1)
    provider.after_look = lambda it: it.instead.append((429, {"Retry-After": "0"}, b""))

    receipt = push(rest, connection_to(provider, tmp_path), outgoing(MOVED))

    assert (receipt.effect, provider.effects) == ("applied", 1)


def test_the_right_to_read_is_no_right_to_write(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    fill(provider, 1)

    receipt = push(rest, connection_to(provider, tmp_path, scope=READ), outgoing(MOVED))

    assert receipt.rows["code"].to_pylist() == ["HTTP 403"]
    assert receipt.effect == "refused"


def test_what_stands_there_is_read_back_row_by_row(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 1)
    sent = outgoing(MOVED, BORN)

    found = rest.connect(connection_to(provider, tmp_path), workdir=tmp_path).read_back(feed(), sent)

    assert (found.key, found.landed) == ("修正依頼-17", False)
    assert found.rows.to_pylist() == [row(1), NOBODY]


def test_everything_that_is_wrong_with_a_target_is_said_at_once(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    with pytest.raises(FixDeclaration) as raised:
        push(
            rest, connection_to(provider, tmp_path), outgoing(MOVED),
            item="/persons", method="POST", types={"amount": "money", "age": "number"},
        )  # fmt: skip

    problems = raised.value.facts["problems"]
    for part in ("item does not name {no}", "PUT or PATCH", "money", "age is no column"):
        assert part in problems
