"""The object store connector against a real S3 server: what is taken, in which order, and what is left."""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.object_peer import (
    Store,
    object_store,
    pull,
    store,
    twin_of,
)
from tests.integration.connectors.reading import left_in

from renkei import failpoint as failpoints
from renkei.errors import Stop, TryAgain
from renkei.part import unfinished

__all__ = ["object_store", "store"]

KEY = "out/KJ_20261120.csv"


# what is taken ------------------------------------------------------------------------------------


def test_objects_come_oldest_first_and_once(object_store: ModuleType, store: Store, tmp_path: Path) -> None:
    for name in ("KJ_20261120 髙﨑.csv", "KJ_20261119.csv", "KJ_20261118.txt"):
        store.put(f"out/{name}", name.encode())

    first, _ = pull(object_store, store.connection, tmp_path / "work")
    second, _ = pull(object_store, store.connection, tmp_path / "work", first[-1])

    assert [each.name for each in first] == ["KJ_20261119.csv", "KJ_20261120 髙﨑.csv"]
    assert first[0].as_of == date(2026, 11, 19)
    assert first[0].path.read_bytes() == b"KJ_20261119.csv"
    assert first[0].sha256 == hashlib.sha256(b"KJ_20261119.csv").hexdigest()
    assert second == []


def test_more_objects_than_a_page_are_all_seen(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    store.fill(f"out/KJ_{number:05}.txt" for number in range(2_050))
    store.put("out/KJ_99999.csv", b"last")

    (delivery,), _ = pull(object_store, store.connection, tmp_path / "work")

    assert delivery.path.read_bytes() == b"last"


def test_twin_that_reads_one_page_does_not_see_the_last(store: Store, tmp_path: Path) -> None:
    store.fill(f"out/KJ_{number:05}.txt" for number in range(1_010))
    store.put("out/KJ_99999.csv", b"last")
    twin = twin_of(tmp_path, "object_store.py", ('if not page.get("IsTruncated"):', "if True:"))

    assert pull(twin, store.connection, tmp_path / "work") == ([], [])


def test_names_are_data(object_store: ModuleType, store: Store, tmp_path: Path) -> None:
    harmless = ["KJ_ $(touch x) '\".csv", "KJ_%2e%2e%2f.csv", "KJ_?a=b#c.csv", "KJ_..csv"]
    hostile = ["KJ_\n.csv", "KJ_\u202e.csv", "KJ_\x07.csv", f"KJ_{'長' * 90}.csv"]
    store.fill(f"out/{name}" for name in (*harmless, *hostile))
    store.fill(["out/KJ_ ../../KJ_1.csv", "out/KJ_deeper/KJ_1.csv", "out/"])

    deliveries, notes = pull(object_store, store.connection, tmp_path / "work")

    assert sorted(each.name for each in deliveries) == sorted(harmless)
    assert {each.path.parent for each in deliveries} == {tmp_path / "work"}
    assert len(notes) == len(hostile)
    assert all(note.isascii() and note.isprintable() for note in notes)


def test_an_object_replaced_within_its_second_is_taken_again(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    store.put(KEY, b"old!")
    (first,), _ = pull(object_store, store.connection, tmp_path / "work")
    replace_within_its_second(store, first.position["seen"]["KJ_20261120.csv"])

    again, _ = pull(object_store, store.connection, tmp_path / "work", first)

    assert [each.path.read_bytes() for each in again] == [b"new!"]


def replace_within_its_second(store: Store, seen: list[object]) -> None:
    """Put other bytes of the same length, and remember the time of the new object as the old one's."""
    store.put(KEY, b"new!")
    seen[1] = int(store.client.head_object(Bucket=store.name, Key=KEY)["LastModified"].timestamp())


def test_twin_that_remembers_no_etag_never_sees_it(store: Store, tmp_path: Path) -> None:
    twin = twin_of(tmp_path, "object_store.py", ('position.get("marks", {})', "{}"))
    store.put(KEY, b"old!")
    (first,), _ = pull(twin, store.connection, tmp_path / "work")
    replace_within_its_second(store, first.position["seen"]["KJ_20261120.csv"])

    assert pull(twin, store.connection, tmp_path / "work", first) == ([], [])


def test_an_object_without_its_marker_is_left(object_store: ModuleType, store: Store, tmp_path: Path) -> None:
    store.put("out/KJ_20261119.csv", b"marked")
    store.put("out/KJ_20261119.END", b"")
    store.put(KEY, b"not yet")

    (delivery,), notes = pull(object_store, store.connection, tmp_path / "work", done=".END")

    assert delivery.path.read_bytes() == b"marked"
    assert notes == ["E_FILE_GROWING KJ_20261120.csv"]


def test_a_split_set_is_one_delivery_once_all_of_it_is_there(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    split = {"set": r"_(?P<part>\d)of(?P<parts>\d)"}
    store.put("out/KJ_20261120_1of2.csv", b"one")
    with pytest.raises(TryAgain, match="E_FILE_SET"):
        pull(object_store, store.connection, tmp_path / "work", **split)
    store.put("out/KJ_20261120_2of2.csv", b"two")

    (delivery,), _ = pull(object_store, store.connection, tmp_path / "work", **split)

    assert delivery.name == "KJ_20261120.csv"
    assert set(delivery.position["marks"]) == {"KJ_20261120_1of2.csv", "KJ_20261120_2of2.csv"}


def test_a_base_stands_before_every_path(object_store: ModuleType, store: Store, tmp_path: Path) -> None:
    store.put(f"city/{KEY}", b"x")

    (delivery,), _ = pull(object_store, store.at(store.port, base="/city"), tmp_path / "work")

    assert delivery.name == "KJ_20261120.csv"


def test_the_version_that_was_seen_is_the_one_that_is_read(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    store.keep_versions()
    for text in (b"first", b"second"):
        store.put(KEY, text)

    (delivery,), _ = pull(object_store, store.connection, tmp_path / "work")

    assert delivery.path.read_bytes() == b"second"


def test_an_empty_object_is_a_delivery_too(object_store: ModuleType, store: Store, tmp_path: Path) -> None:
    store.put(KEY, b"")

    (delivery,), _ = pull(object_store, store.connection, tmp_path / "work")

    assert delivery.bytes == 0


def test_a_connection_test_says_what_the_bucket_is(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    store.keep_versions()

    found = object_store.connect(store.connection, workdir=tmp_path).test()

    assert found == {"signed_by": "key", "versions": "Enabled", "objects": "0"}


# replaced while it is read, or between two attempts -----------------------------------------------

OLD, NEW = b"o" * 12_000_000, b"n" * 12_000_000


@contextmanager
def replaced_while_read(store: Store, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Other bytes stand there once the first block is here; the reader rests for a moment."""
    failpoints._reached.clear()
    monkeypatch.setenv("RENKEI_FAILPOINTS", "pull.chunk=sleep:0.6")
    over = threading.Event()

    def wait_and_put() -> None:
        while not over.wait(0.01):
            if any(place.stat().st_size for place in workdir.glob("*.part")):
                store.put(KEY, NEW)
                return

    beside = threading.Thread(target=wait_and_put)
    beside.start()
    try:
        yield
    finally:
        over.set()
        beside.join(10)


@pytest.mark.parametrize("versions", [False, True])
def test_an_object_replaced_while_it_is_read_is_thrown_away(
    object_store: ModuleType, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versions: bool
) -> None:
    if versions:
        store.keep_versions()
    store.put(KEY, OLD)

    with (
        replaced_while_read(store, tmp_path / "work", monkeypatch),
        pytest.raises(TryAgain, match="E_FILE_REPLACED"),
    ):
        pull(object_store, store.connection, tmp_path / "work")

    assert [place.stat().st_size for place in (tmp_path / "work").glob("*.part")] == [0]


@contextmanager
def broken_off(module: ModuleType, store: Store, workdir: Path, action: str = "reset"):  # type: ignore[no-untyped-def]
    """Most of twelve megabytes are here when the link breaks; gives what passes from then on."""
    fault = Fault(direction="down", after=9_000_000, action=action)  # type: ignore[arg-type]  # one of the four
    with FaultProxy(store.port, faults=[fault]) as proxy:
        with pytest.raises(TryAgain, match="E_PULL_LOST"):
            pull(module, store.at(proxy.port, timeout="1"), workdir)
        proxy.faults.clear()
        proxy.passed["down"] = 0
        yield proxy


@pytest.mark.parametrize("action", ["cut", "reset", "half_close", "black_hole"])
def test_a_broken_transfer_goes_on_where_it_stopped(
    object_store: ModuleType, store: Store, tmp_path: Path, action: str
) -> None:
    data = os.urandom(12_000_000)
    store.put(KEY, data)

    with broken_off(object_store, store, tmp_path / "work", action) as proxy:
        (delivery,), _ = pull(object_store, store.at(proxy.port), tmp_path / "work")

    assert delivery.path.read_bytes() == data
    assert proxy.passed["down"] < len(data)
    assert left_in(tmp_path / "work") == [delivery.sha256]


def test_a_part_of_another_object_is_not_gone_on_with(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    store.put(KEY, OLD)

    with broken_off(object_store, store, tmp_path / "work") as proxy:
        store.put(KEY, NEW)
        (delivery,), _ = pull(object_store, store.at(proxy.port), tmp_path / "work")

    assert delivery.path.read_bytes() == NEW


def test_twin_that_goes_on_by_size_alone_mixes_two_objects(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "proofs", lambda length: ())
    unknown = ('mark=told["ETag"])', 'mark="")')
    no_time = ('modified = int(told["LastModified"].timestamp())', "modified = 0")
    twin = twin_of(tmp_path, "object_store.py", unknown, no_time)
    store.put(KEY, OLD)

    with broken_off(twin, store, tmp_path / "work") as proxy:
        store.put(KEY, NEW)
        (delivery,), _ = pull(twin, store.at(proxy.port), tmp_path / "work")

    assert set(delivery.path.read_bytes()) == set(b"on")


@pytest.mark.parametrize("after", [0, 100, 600, 1_200, 30_000])
def test_a_cut_at_any_byte_loses_nothing(
    object_store: ModuleType, store: Store, tmp_path: Path, after: int
) -> None:
    store.put(KEY, OLD[:60_000])
    fault = Fault(direction="down", after=after, action="cut")

    with FaultProxy(store.port, faults=[fault]) as proxy, pytest.raises(TryAgain):
        pull(object_store, store.at(proxy.port, timeout="1"), tmp_path / "work")
    (delivery,), _ = pull(object_store, store.connection, tmp_path / "work")

    assert delivery.path.read_bytes() == OLD[:60_000]


def test_twin_that_takes_half_a_head_for_a_whole_one_sees_an_empty_bucket(
    store: Store, tmp_path: Path
) -> None:
    whole = ("if any(name not in answer for name in _ANSWERED.get(operation, ())):", "if False:")
    twin = twin_of(tmp_path, "parts/object_store_link.py", whole)
    store.put(KEY, OLD[:60_000])

    with FaultProxy(store.port, faults=[Fault(direction="down", after=100, action="cut")]) as proxy:
        found = pull(twin, store.at(proxy.port, timeout="1"), tmp_path / "work")

    assert found == ([], [])


def damaged_at_rest(store: Store) -> None:
    """The store keeps the hash of what was sent, and other bytes."""
    wrong = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
    store.put(KEY, b"damaged", ChecksumAlgorithm="SHA256", ChecksumSHA256=wrong)


def test_what_arrives_is_what_the_store_hashed(
    object_store: ModuleType, store: Store, tmp_path: Path
) -> None:
    damaged_at_rest(store)

    with pytest.raises(Stop, match="E_STORED_HASH"):
        pull(object_store, store.connection, tmp_path / "work")

    assert left_in(tmp_path / "work") == []


def test_twin_that_does_not_ask_for_the_hash_takes_what_is_damaged(store: Store, tmp_path: Path) -> None:
    damaged_at_rest(store)
    twin = twin_of(
        tmp_path, "object_store.py", ("if stored and known[2] and stored != known[2]:", "if False:")
    )

    (delivery,), _ = pull(twin, store.connection, tmp_path / "work")

    assert delivery.path.read_bytes() == b"damaged"
