"""The REST connector against a provider that verifies what it is told: what is taken, and how it is asked for."""

import time
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
from tests.integration.connectors.certificates import certificate
from tests.integration.connectors.reading import left_in
from tests.integration.connectors.reading import since as since_of
from tests.integration.connectors.rest_provider import (
    BASIC_SECRET,
    READ,
    Provider,
    connection_to,
    person,
    private,
    provider,
    rest,
    serve,
)
from tests.integration.connectors.rest_reading import DELTA, WAYS, feed, fill, numbers, pull, rows_of

from renkei.errors import FixDeclaration, TryAgain

__all__ = ["provider", "rest"]


# what is taken ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_paging_gives_the_same_delivery(
    rest: ModuleType, provider: Provider, tmp_path: Path, way: str
) -> None:
    fill(provider, 1_234)

    delivery = pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed(way))

    assert numbers(delivery) == list(range(1, 1_235))
    assert (delivery.records, delivery.is_whole) == (1_234, True)
    assert rows_of(delivery)[0] == {
        "no": "0000000001", "kanji": "髙﨑　𠮷郎", "kana": None, "amount": "1.10", "living": "true",
    }  # fmt: skip
    assert rows_of(delivery)[1]["kana"] == ""
    assert left_in(tmp_path / "work") == [delivery.path.name]


@pytest.mark.parametrize("way", ["next", "offset", "page"])
def test_a_provider_that_gives_fewer_a_page_than_asked_for_is_read_to_its_end(
    rest: ModuleType, provider: Provider, tmp_path: Path, way: str
) -> None:
    fill(provider, 250)
    provider.cap = 40

    delivery = pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed(way))

    assert len(numbers(delivery)) == 250


def test_the_bytes_depend_on_the_rows_alone(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    fill(provider, 120)
    wanted = (feed("next", page_size=7), feed("offset", page_size=50), feed("none"))

    found = {pull(rest, connection_to(provider, tmp_path), tmp_path / "work", each).sha256 for each in wanted}

    assert len(found) == 1


def test_nobody_at_all_is_a_delivery_too(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    delivery = pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert (rows_of(delivery), delivery.records) == ([], 0)


def test_a_number_keeps_the_text_it_was_written_with(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    texts = ["1.10", "-0", "12345678901234567890.5", "1E5"]
    for number, text in enumerate(texts):
        provider.put(f"{number:010}", person(number, amount=text))

    delivery = pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert [row["amount"] for row in rows_of(delivery)] == texts


def test_a_member_may_be_left_out_or_left_unread_where_that_is_declared(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    provider.put("1", '{"no": "1", "links": {"self": "/1"}, "name": null}')
    wanted = feed("none", columns={"no": "no", "kana": "name.kana", "sex": "sex?"}, ignored=["links"])

    delivery = pull(rest, connection_to(provider, tmp_path), tmp_path / "work", wanted)

    assert rows_of(delivery) == [{"no": "1", "kana": None, "sex": None}]


# who we are ---------------------------------------------------------------------------------------


def test_one_token_is_enough_for_many_pages(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    fill(provider, 500)

    pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert (provider.asked["token"], provider.asked["GET"]) == (1, 5)


def test_a_token_that_ends_on_the_way_is_renewed_once(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 300)
    once = iter([True])
    provider.before_page = lambda it: (
        it.tokens.clear() if it.asked["GET"] == 2 and next(once, False) else None
    )

    delivery = pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert len(numbers(delivery)) == 300
    assert provider.asked["token"] == 2


def test_a_token_is_asked_for_anew_before_it_ends(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 300)
    provider.token_life = 1
    provider.before_page = lambda it: time.sleep(0.6)

    pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert provider.asked["token"] >= 2


def test_the_interim_way_of_signing_in_works_with_any_secret(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 1)
    basic = {"auth": "client_secret_basic", "client_secret": private(tmp_path / "basic", BASIC_SECRET)}

    delivery = pull(rest, connection_to(provider, tmp_path, **basic), tmp_path / "work", feed())

    assert numbers(delivery) == [1]


def test_a_short_secret_signs_nothing(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    short = {"client_secret": private(tmp_path / "short", "x" * 31)}

    with pytest.raises(FixDeclaration, match="E_SECRET"):
        pull(rest, connection_to(provider, tmp_path, **short), tmp_path / "work", feed())

    assert provider.asked["token"] == 0


def test_a_scope_that_was_not_granted_is_named(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    connection = connection_to(provider, tmp_path, scope="juki:persons:write")

    with pytest.raises(FixDeclaration, match=r"E_SOURCE_OBJECT.*HTTP 403"):
        pull(rest, connection, tmp_path / "work", feed())


def test_a_connection_test_tells_what_was_granted(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    found = rest.connect(connection_to(provider, tmp_path, scope=READ), workdir=tmp_path).test()

    assert found == {
        "auth": "client_secret_jwt", "expires_in": "300", "scope": READ, "answers": "HTTP 404",
    }  # fmt: skip


def test_the_declared_authority_is_the_one_that_counts(rest: ModuleType, tmp_path: Path) -> None:
    authority, pair = certificate(tmp_path, "kuzuhara")

    with serve(pair) as provider:
        fill(provider, 3)
        connection = connection_to(provider, tmp_path, ca_file=str(authority))
        delivery = pull(rest, connection, tmp_path / "work", feed())

    assert numbers(delivery) == [1, 2, 3]


# what changed -------------------------------------------------------------------------------------


def test_a_delta_holds_what_changed_and_what_is_gone(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 300)
    provider.now += timedelta(hours=1)
    connection, wanted = connection_to(provider, tmp_path), feed(**DELTA)
    first = pull(rest, connection, tmp_path / "work", wanted)
    provider.now += timedelta(hours=1)
    provider.put("0000000007", person(7, kanji="山田　太郎"))
    provider.remove("0000000008")

    second = pull(rest, connection, tmp_path / "work", wanted, since=first)

    assert (first.is_whole, second.is_whole) == (True, False)
    found = {row["no"]: (row["kanji"], row["__gone"]) for row in rows_of(second)}
    assert found == {"0000000007": ("山田　太郎", False), "0000000008": (None, True)}
    assert second.position == {"as_of": provider.now.isoformat()}


def test_what_was_committed_late_is_found_in_the_overlap(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 3)
    connection, wanted = connection_to(provider, tmp_path), feed(**DELTA)
    provider.now += timedelta(hours=1)
    first = pull(rest, connection, tmp_path / "work", wanted)
    provider.put("0000000009", person(9))
    provider.changed["0000000009"] -= timedelta(minutes=5)

    second = pull(rest, connection, tmp_path / "work", wanted, since=first)

    assert numbers(second) == [9]


def test_a_provider_that_says_that_nothing_changed_delivers_nothing(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 150)
    connection, wanted = connection_to(provider, tmp_path), feed(etag=True, conditional=True)
    first = pull(rest, connection, tmp_path / "work", wanted)
    again = rest.connect(connection, workdir=tmp_path / "work")

    nothing = list(again.pull(wanted, since_of(first)))
    provider.put("0000000999", person(999))
    after = pull(rest, connection, tmp_path / "work", wanted, since=first)

    assert (nothing, again.notes) == ([], ["unchanged sample.rest"])
    assert len(numbers(after)) == 151


# how fast we may ask ------------------------------------------------------------------------------


def test_a_declared_rate_is_kept(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    fill(provider, 500)
    began = time.monotonic()

    pull(rest, connection_to(provider, tmp_path, requests_per_second="20"), tmp_path / "work", feed())

    assert time.monotonic() - began >= 5 / 20  # a token and five pages


@pytest.mark.parametrize("status", [429, 503])
def test_a_provider_that_asks_us_to_wait_is_waited_for(
    rest: ModuleType, provider: Provider, tmp_path: Path, status: int
) -> None:
    fill(provider, 3)
    provider.instead = [(status, {"Retry-After": "1"}, b"")]
    began = time.monotonic()

    delivery = pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())

    assert numbers(delivery) == [1, 2, 3]
    assert 1 <= time.monotonic() - began < 3


def test_a_long_wait_is_left_to_a_later_run(rest: ModuleType, provider: Provider, tmp_path: Path) -> None:
    provider.instead = [(429, {"Retry-After": "3600"}, b"")]

    with pytest.raises(TryAgain, match="E_SOURCE_BUSY"):
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", feed())


def test_a_fault_that_passes_heals_within_seconds(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    fill(provider, 3)
    provider.instead = [(502, {}, b"")]

    delivery = pull(rest, connection_to(provider, tmp_path, retry_seconds="5"), tmp_path / "work", feed())

    assert numbers(delivery) == [1, 2, 3]


# declarations -------------------------------------------------------------------------------------


def test_everything_that_is_wrong_with_a_feed_is_said_at_once(
    rest: ModuleType, provider: Provider, tmp_path: Path
) -> None:
    wanted = feed("page", total="", snapshot="", pagesize=5, key="nummer", deadline="soon")

    with pytest.raises(FixDeclaration) as raised:
        pull(rest, connection_to(provider, tmp_path), tmp_path / "work", wanted)

    problems = raised.value.facts["problems"]
    for part in ("pagesize", "total is missing", "page numbers prove nothing", "key nummer", "'soon'"):
        assert part in problems


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "http://kuzuhara.example/v1"},
        {"token_url": "ftp://127.0.0.1/token"},
        {"base_url": "https://user:pass@127.0.0.1/v1"},
        {"auth": "none"},
        {"timeout": "long"},
        {"client_id": ""},
        {"ca_file": "/nowhere/ca.pem"},
    ],
    ids=str,
)
def test_a_connection_that_is_not_safe_is_refused(
    rest: ModuleType, provider: Provider, tmp_path: Path, settings: dict[str, str]
) -> None:
    with pytest.raises(FixDeclaration, match="E_DECLARATION"):
        pull(rest, connection_to(provider, tmp_path, **settings), tmp_path / "work", feed())

    assert provider.asked == {}
