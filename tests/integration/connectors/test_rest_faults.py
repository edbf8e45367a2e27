"""Faults of the link and the provider of a REST pull, each with the twin that has no guard against it."""

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.peers import full_disk
from tests.integration.connectors.reading import left_in
from tests.integration.connectors.rest_provider import (
    Provider,
    connection_to,
    person,
    provider,
    rest,
    twin_of,
)
from tests.integration.connectors.rest_reading import DELTA, feed, fill, numbers, pull, rows_of

from renkei.errors import Stop, TryAgain
from renkei.model import Connection, Feed

__all__ = ["full_disk", "provider", "rest"]


# as many as the provider says ---------------------------------------------------------------------


def one_more(provider: Provider) -> None:
    """The provider loses one on the way: it states more than its pages hold."""
    fill(provider, 250)
    provider.stated_total = lambda true: true + 1


@pytest.mark.parametrize("way", ["next", "offset", "none"])
def test_fewer_than_the_provider_states_are_refused(
    rest: ModuleType, provider: Provider, tmp_path: Path, way: str
) -> None:
    one_more(provider)

    with pytest.raises(Stop, match="E_PULL_SHORT") as raised:
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed(way))

    assert (raised.value.facts["stated"], raised.value.facts["counted"]) == (251, 250)
    assert left_in(tmp_path / "work") == []


def test_twin_that_does_not_count_delivers_a_part(provider: Provider, tmp_path: Path) -> None:
    one_more(provider)
    twin = twin_of(
        tmp_path, "parts/rest_pages.py", ("if total is not None and self.count != total:", "if False:")
    )

    delivery = pull(twin, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert len(numbers(delivery)) < 251


# the source moves while it is read ----------------------------------------------------------------


def swap(provider: Provider) -> None:
    """One goes in front of where we are and one comes at the end: the total stays, every page shifts."""
    del provider.persons[min(provider.persons)]
    last = int(max(provider.persons)) + 1
    provider.persons[f"{last:010}"] = person(last)


def moving(provider: Provider, *, pages: Callable[[int], bool]) -> None:
    fill(provider, 300)

    def move(it: Provider) -> None:
        if pages(it.asked["GET"]):
            swap(it)

    provider.before_page = move


def test_pages_that_moved_once_are_read_again(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    moving(provider, pages=lambda page: page == 2)

    delivery = pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed("offset"))

    assert numbers(delivery) == list(range(2, 302))


@pytest.mark.parametrize("way", ["offset", "page", "next"])
def test_pages_that_go_on_moving_are_refused(
    rest: ModuleType, provider: Provider, tmp_path: Path, way: str
) -> None:
    moving(provider, pages=lambda page: True)

    with pytest.raises(Stop, match="E_PAGES_MOVED"):
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed(way, snapshot="snapshot"))

    assert left_in(tmp_path / "work") == []


def test_twin_that_does_not_join_its_pages_loses_somebody(provider: Provider, tmp_path: Path) -> None:
    moving(provider, pages=lambda page: page == 2)
    joined = ("if [self._key(row) for row in page.rows[:1]] != [self._last_key]:", "if False:")
    twin = twin_of(tmp_path, "parts/rest_pages.py", joined)

    delivery = pull(twin, connection_to(provider, tmp_path), tmp_path / "work", feed("offset"))

    assert len(numbers(delivery)) == 300
    assert set(numbers(delivery)) not in (set(range(1, 301)), set(range(2, 302)))


def test_page_numbers_without_a_state_are_read_until_two_reads_agree(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    moving(provider, pages=lambda page: page == 2)

    delivery = pull(
        rest, connection_to(provider, tmp_path), tmp_path / "work", feed("page", snapshot="", twice=True)
    )

    assert numbers(delivery) == list(range(2, 302))


def test_a_key_that_comes_twice_is_refused(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    fill(provider, 3)
    provider.persons["9"] = person(2)

    with pytest.raises(Stop, match="E_PAGES_MOVED"):
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed("none"))


def test_pages_that_lead_in_a_circle_end(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    pages = [(number, "ab"[number % 2]) for number in range(9)]
    provider.instead = [
        (200, {}, b'{"total": 9, "items": [{"no": "%d"}], "next": "persons?from=%s"}' % (n, link.encode()))
        for n, link in pages
    ]

    with pytest.raises(Stop, match=r"E_ANSWER.*circle"):
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed(columns={"no": "no"}))


def test_a_copy_that_lags_behind_is_not_asked_what_changed(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 3)
    connection, wanted = connection_to(provider, tmp_path), feed(**DELTA)
    first = pull(rest, connection, tmp_path / "work", wanted)
    first.path.unlink()
    provider.now -= timedelta(days=1)

    with pytest.raises(Stop, match="E_STALE_ANSWER"):
        pull(rest, connection, tmp_path / "work", wanted, since=first)

    assert left_in(tmp_path / "work") == []


def test_twin_without_an_overlap_loses_what_was_committed_late(provider: Provider, tmp_path: Path) -> None:
    fill(provider, 3)
    provider.now += timedelta(hours=1)
    twin = twin_of(tmp_path, "rest.py", (" - wanted.overlap).isoformat()", ").isoformat()"))
    connection, wanted = connection_to(provider, tmp_path), feed(**DELTA)
    first = pull(twin, connection, tmp_path / "work", wanted)
    provider.put("0000000009", person(9))
    provider.changed["0000000009"] -= timedelta(minutes=5)

    second = pull(twin, connection, tmp_path / "work", wanted, since=first)

    assert rows_of(second) == []


# a broken link ------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["cut", "reset", "half_close", "black_hole"])
@pytest.mark.parametrize("after", [0, 200, 700, 5_000, 30_000])
def test_a_cut_at_any_byte_loses_nothing(
    rest: ModuleType, provider: Provider, tmp_path: Path, action: str, after: int
) -> None:
    fill(provider, 300)
    fault = Fault(direction="down", after=after, action=action)  # type: ignore[arg-type]  # one of the four

    with FaultProxy(provider.port, faults=[fault]) as proxy:
        connection = connection_to(provider, tmp_path, port=proxy.port, timeout="0.5")
        with pytest.raises(TryAgain):
            pull(rest, connection, tmp_path / "work", feed())
    delivery = pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert numbers(delivery) == list(range(1, 301))


@contextmanager
def broken_off(rest: ModuleType, provider: Provider, folder: Path, wanted: Feed) -> Iterator[Connection]:
    """Some pages of a dozen are here when the link breaks; the connection by which to go on."""
    fill(provider, 1_200)
    fault = Fault(direction="down", after=90_000, action="reset", connection=1)
    with FaultProxy(provider.port, faults=[fault]) as proxy:
        connection = connection_to(provider, folder, port=proxy.port)
        with pytest.raises(TryAgain, match="E_PULL_LOST"):
            pull(rest, connection, folder / "work", wanted)
        provider.asked.clear()
        yield connection


@pytest.mark.parametrize("proof", [{"snapshot": "snapshot"}, {"etag": True}], ids=str)
@pytest.mark.parametrize("way", ["next", "cursor", "offset"])
def test_pages_of_a_proved_state_are_not_asked_for_again(
    rest: ModuleType, provider: Provider, tmp_path: Path, way: str, proof: dict[str, str]
) -> None:
    wanted = feed(way, **proof)

    with broken_off(rest, provider, tmp_path, wanted) as connection:
        delivery = pull(rest, connection, tmp_path / "work", wanted)

    assert numbers(delivery) == list(range(1, 1_201))
    assert 0 < provider.asked["GET"] < 10
    assert left_in(tmp_path / "work") == [delivery.path.name]


def test_without_a_proof_of_the_state_all_of_it_is_read_again(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    with broken_off(rest, provider, tmp_path, feed()) as connection:
        assert left_in(tmp_path / "work") == []
        delivery = pull(rest, connection, tmp_path / "work", feed())

    assert provider.asked["GET"] == 12
    assert numbers(delivery) == list(range(1, 1_201))


def change_the_first(provider: Provider) -> None:
    """The first page, which is here already, is no longer what the source holds."""
    provider.put("0000000001", person(1, kanji="山田　太郎"))


def test_pages_of_another_state_are_not_gone_on_with(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    wanted = feed(snapshot="snapshot")

    with broken_off(rest, provider, tmp_path, wanted) as connection:
        change_the_first(provider)
        delivery = pull(rest, connection, tmp_path / "work", wanted)

    assert rows_of(delivery)[0]["kanji"] == "山田　太郎"


def test_twin_that_goes_on_without_a_proof_mixes_two_states(provider: Provider, tmp_path: Path) -> None:
    same = ("if (page.total, page.state) != (self.first.total, self.first.state):", "if False:")
    twin = twin_of(tmp_path, "parts/rest_pages.py", same)
    wanted = feed(snapshot="snapshot")

    with broken_off(twin, provider, tmp_path, wanted) as connection:
        change_the_first(provider)
        change_last = "0000001200"
        provider.put(change_last, person(1_200, kanji="山田　花子"))
        delivery = pull(twin, connection, tmp_path / "work", wanted)

    names = {row["no"]: row["kanji"] for row in rows_of(delivery)}
    assert (names["0000000001"], names[change_last]) == ("髙﨑　𠮷郎", "山田　花子")


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_pages_damaged_here_are_not_believed(
    rest: ModuleType, provider: Provider, tmp_path: Path, damage: str
) -> None:
    wanted = feed(snapshot="snapshot")

    with broken_off(rest, provider, tmp_path, wanted) as connection:
        (part,) = (tmp_path / "work").glob("*.part")
        data = bytearray(part.read_bytes())
        data[5_000] ^= 1
        part.write_bytes(data[:-100] if damage == "cut" else data)
        delivery = pull(rest, connection, tmp_path / "work", wanted)

    assert numbers(delivery) == list(range(1, 1_201))
    assert {row["kanji"] for row in rows_of(delivery)} == {"髙﨑　𠮷郎"}


def test_an_answer_without_a_length_that_was_cut_is_a_lost_link(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    provider.instead = [(200, {"Unframed": "yes", "Connection": "close"}, b'{"total": 2, "items": [{"no"')]

    with pytest.raises(TryAgain, match="E_PULL_LOST"):
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())


def test_a_link_that_only_drips_ends_at_the_deadline(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 1_000)
    provider.before_page = lambda it: time.sleep(0.3)
    began = time.monotonic()

    with pytest.raises(TryAgain, match="E_PULL_DEADLINE"):
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed(deadline="1s"))

    assert time.monotonic() - began < 3


@contextmanager
def dripping_headers() -> Iterator[int]:
    """A server that gives a token, and then for four seconds one byte of a header now and then; its port."""
    token = b'{"access_token": "a", "token_type": "Bearer"}'
    framed = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(token), token)

    class Dripping(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                if b"POST" in self.request.recv(65536):
                    self.request.sendall(framed)
                    return
                self.request.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                for _ in range(40):
                    self.request.sendall(b"a")
                    time.sleep(0.1)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_headers_that_only_drip_end_at_the_deadline(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    with dripping_headers() as port:
        address = f"http://127.0.0.1:{port}"
        connection = connection_to(provider, tmp_path, base_url=f"{address}/v1", token_url=f"{address}/token")
        began = time.monotonic()

        with pytest.raises(TryAgain, match="E_PULL_DEADLINE") as stopped:
            pull(rest, connection, tmp_path / "work", feed(deadline="1s"))

    assert time.monotonic() - began < 3
    assert stopped.value.__suppress_context__


def test_twin_that_keeps_no_watch_waits_for_every_drop(provider: Provider, tmp_path: Path) -> None:
    twin = twin_of(tmp_path, "parts/rest_link.py", ("        self._watch.start()\n", ""))
    with dripping_headers() as port:
        address = f"http://127.0.0.1:{port}"
        connection = connection_to(provider, tmp_path, base_url=f"{address}/v1", token_url=f"{address}/token")
        began = time.monotonic()

        with pytest.raises(TryAgain):
            pull(twin, connection, tmp_path / "work", feed(deadline="1s"))

    assert time.monotonic() - began > 3


def test_a_full_disk_stops_and_leaves_nothing_half(
    rest: ModuleType, provider: Provider, tmp_path: Path, full_disk: Path
) -> None:
    fill(provider, 3_000)

    with pytest.raises(Stop, match="E_DISK"):
        pull(rest, connection_to(provider, tmp_path), full_disk, feed(snapshot="snapshot"))

    assert left_in(full_disk) == []
