"""Offering files in a bucket: whole, once, never over another one, and known for what it came to."""

import json
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.object_peer import Store, feed, object_store, store, twin_of
from tests.integration.connectors.peers import free_port

from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.model import Connection, Outgoing, ReadBack, Receipt

__all__ = ["object_store", "store"]

KEY, MARK, ANSWER = "in/送信_20261121.csv", "in/送信_20261121.END", "in/送信_20261121.RCP"
DATA = "宛名番号,氏名\r\n0000000019,髙﨑　𠮷郎\r\n".encode("utf-8-sig") * 1_000
PARTS = {"multipart": 1}


def sent(folder: Path, data: bytes = DATA, *, key: str = "送信-17") -> Outgoing:
    """A file to be offered."""
    place = folder / "outgoing.csv"
    place.write_bytes(data)
    return Outgoing(key=key, file=place, name="送信_20261121.csv")


def push(module: ModuleType, connection: Connection, outgoing: Outgoing, **settings: Any) -> Receipt:
    connector = module.connect(connection, workdir=Path("unused"))
    receipt: Receipt = connector.push(feed(done=".END", **settings), outgoing)
    return receipt


def read_back(module: ModuleType, store: Store, outgoing: Outgoing, **settings: Any) -> ReadBack:
    connector = module.connect(store.connection, workdir=Path("unused"))
    found: ReadBack = connector.read_back(feed(done=".END", **settings), outgoing)
    return found


@pytest.mark.parametrize("settings", [{}, PARTS], ids=["in one", "in parts"])
def test_a_file_lands_with_its_marker_and_is_read_back(
    object_store: ModuleType, store: Store, tmp_path: Path, settings: dict[str, Any]
) -> None:
    outgoing = sent(tmp_path)

    before = read_back(object_store, store, outgoing)
    receipt = push(object_store, store.connection, outgoing, **settings)
    after = read_back(object_store, store, outgoing)

    assert (before.landed, receipt.effect, after.landed) == (False, "applied", True)
    assert (after.bytes, after.sha256) == (receipt.bytes, receipt.sha256)
    assert store.get(KEY) == DATA
    assert store.keys() == [MARK, KEY]


def test_a_large_file_goes_in_parts(object_store: ModuleType, store: Store, tmp_path: Path) -> None:
    data = bytes(range(256)) * 140_000  # two parts and a rest

    push(object_store, store.connection, sent(tmp_path, data), multipart=10_000_000)

    assert store.get(KEY) == data
    assert store.client.head_object(Bucket=store.name, Key=KEY)["ETag"].endswith('-3"')


def test_a_marker_can_say_what_it_marks(object_store: ModuleType, store: Store, tmp_path: Path) -> None:
    receipt = push(object_store, store.connection, sent(tmp_path), done_holds="manifest")

    told = json.loads(store.get(MARK))
    assert told == {"name": "送信_20261121.csv", "bytes": len(DATA), "sha256": receipt.sha256}


@pytest.mark.parametrize("settings", [{}, PARTS], ids=["in one", "in parts"])
def test_a_second_push_puts_nothing(
    object_store: ModuleType, store: Store, tmp_path: Path, settings: dict[str, Any]
) -> None:
    store.keep_versions()
    push(object_store, store.connection, sent(tmp_path), **settings)

    again = push(object_store, store.connection, sent(tmp_path), **settings)

    assert again.effect == "already"
    assert store.versions() == 2


@pytest.mark.parametrize("settings", [{}, PARTS], ids=["in one", "in parts"])
def test_another_object_is_never_written_over(
    object_store: ModuleType, store: Store, tmp_path: Path, settings: dict[str, Any]
) -> None:
    store.put(KEY, b"theirs")

    receipt = push(object_store, store.connection, sent(tmp_path), **settings)

    assert receipt.effect == "conflict"
    assert (store.get(KEY), store.keys()) == (b"theirs", [KEY])


def test_twin_without_the_condition_writes_over_another_object(store: Store, tmp_path: Path) -> None:
    twin = twin_of(tmp_path, "parts/object_store_push.py", (', Body=body, IfNoneMatch="*"', ", Body=body"))
    store.put(KEY, b"theirs")

    push(twin, store.connection, sent(tmp_path))

    assert store.get(KEY) == DATA


def test_who_comes_first_while_parts_are_sent_keeps_the_name(
    object_store: ModuleType, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts_of = object_store.object_store_push._parts_of

    def slowly(file: Path):  # type: ignore[no-untyped-def]
        yield from parts_of(file)
        store.put(KEY, b"theirs")

    monkeypatch.setattr(object_store.object_store_push, "_parts_of", slowly)

    receipt = push(object_store, store.connection, sent(tmp_path), **PARTS)

    assert receipt.effect == "conflict"
    assert store.get(KEY) == b"theirs"
    assert "Uploads" not in store.client.list_multipart_uploads(Bucket=store.name)


# a broken link ------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, PARTS], ids=["in one", "in parts"])
@pytest.mark.parametrize("action", ["cut", "reset"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_push_cut_anywhere_is_never_a_half_object_and_lands_once_in_the_end(
    object_store: ModuleType,
    store: Store,
    tmp_path: Path,
    settings: dict[str, Any],
    action: str,
    direction: str,
) -> None:
    store.keep_versions()
    outgoing, after = sent(tmp_path), {"up": 20_000, "down": 30}[direction]
    fault = Fault(direction=direction, after=after, action=action)  # type: ignore[arg-type]  # both are known

    with FaultProxy(store.port, faults=[fault]) as proxy:
        receipt = push(object_store, store.at(proxy.port, timeout="1"), outgoing, **settings)
    seen = {store.get(KEY)} if KEY in set(store.keys()) else set()
    again = push(object_store, store.connection, outgoing, **settings)

    assert receipt.effect == "unknown"
    assert seen <= {DATA}
    assert again.effect in {"applied", "already"}
    assert read_back(object_store, store, outgoing).landed
    assert store.versions() == 2


def test_an_object_whose_marker_was_lost_did_not_land_yet(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    outgoing = sent(tmp_path)
    push(object_store, store.connection, outgoing)
    store.client.delete_object(Bucket=store.name, Key=MARK)

    found = read_back(object_store, store, outgoing)
    again = push(object_store, store.connection, outgoing)

    assert (found.landed, again.effect) == (False, "applied")
    assert read_back(object_store, store, outgoing).landed


def test_a_store_that_is_not_there_was_given_nothing(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(TryAgain, match="E_LINK_DOWN"):
        push(object_store, store.at(free_port()), sent(tmp_path))


def test_a_reader_never_sees_half_a_file(object_store: ModuleType, store: Store, tmp_path: Path) -> None:
    data = bytes(range(256)) * 140_000
    seen, over = set(), threading.Event()

    def read() -> None:
        while not over.wait(0.005):
            sizes = store.client.list_objects_v2(Bucket=store.name).get("Contents", ())
            seen.update((each["Key"], each["Size"]) for each in sizes)

    beside = threading.Thread(target=read)
    beside.start()
    push(object_store, store.connection, sent(tmp_path, data), **PARTS)
    over.set()
    beside.join(10)

    assert seen <= {(KEY, len(data)), (MARK, 0)}


# what the receiver says ---------------------------------------------------------------------------

RECEIPT = {"receipt": ".RCP", "receipt_says": "^OK"}


def test_with_a_promised_receipt_a_file_has_landed_when_it_says_so(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    outgoing = sent(tmp_path)
    push(object_store, store.connection, outgoing, **RECEIPT)

    without_one = read_back(object_store, store, outgoing, **RECEIPT)
    store.put(ANSWER, b"OK 1000")

    assert (without_one.landed, read_back(object_store, store, outgoing, **RECEIPT).landed) == (False, True)


def test_a_receipt_that_says_no_stops(object_store: ModuleType, store: Store, tmp_path: Path) -> None:
    outgoing = sent(tmp_path)
    push(object_store, store.connection, outgoing, **RECEIPT)
    store.put(ANSWER, b"NG")

    with pytest.raises(Stop, match="E_PUSH_RECEIPT"):
        read_back(object_store, store, outgoing, **RECEIPT)


@pytest.mark.parametrize("settings", [{"inbox": "/x"}, {"replace": True}, {"done_holds": "love"}], ids=str)
def test_what_an_object_store_does_not_know_is_refused(
    object_store: ModuleType, store: Store, tmp_path: Path, settings: dict[str, Any]
) -> None:
    with pytest.raises(FixDeclaration, match="E_DECLARATION"):
        push(object_store, store.connection, sent(tmp_path), **settings)
