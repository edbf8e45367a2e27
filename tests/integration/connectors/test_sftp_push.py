"""Offering a file to SFTP servers and to a share: whole or not at all, once, and proved."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.part_twins import engine_without
from tests.integration.connectors.takers import NAME, Taker

from renkei import failpoint as failpoints
from renkei.errors import FixDeclaration, Stop, TryAgain

DATA = bytes(range(256)) * 12_000  # three megabytes
MARK = NAME.replace(".DAT", ".END")
KILLED = -9


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "outgoing"
    place.write_bytes(DATA)
    return place


def test_a_file_is_offered_whole_under_its_name_with_its_done_file(taker: Taker, file: Path) -> None:
    receipt = taker.push(file)
    found = taker.read_back(file)

    assert (receipt.effect, receipt.bytes) == ("applied", len(DATA))
    assert taker.names() == [NAME, MARK] == sorted([NAME, MARK])
    assert (taker.into / NAME).read_bytes() == DATA
    assert (found.landed, found.sha256) == (True, receipt.sha256)


def test_a_second_push_of_the_same_file_changes_nothing(taker: Taker, file: Path) -> None:
    taker.push(file)
    before = (taker.into / NAME).stat()

    again = taker.push(file)
    after = (taker.into / NAME).stat()

    assert again.effect == "already"
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
    assert taker.names() == [NAME, MARK]


def test_another_file_under_the_name_is_a_conflict_and_stays(taker: Taker, file: Path) -> None:
    (taker.into / NAME).write_bytes(b"somebody else's")

    assert taker.push(file).effect == "conflict"
    assert not taker.read_back(file).landed
    assert (taker.into / NAME).read_bytes() == b"somebody else's"
    assert taker.names() == [NAME]


def test_another_file_is_replaced_only_where_that_is_declared(taker: Taker, file: Path) -> None:
    (taker.into / NAME).write_bytes(b"yesterday's")

    assert taker.push(file, replace=True).effect == "applied"
    assert (taker.into / NAME).read_bytes() == DATA


def test_a_file_that_comes_up_while_ours_is_sent_is_not_gone_over(
    taker: Taker, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failpoints._reached.clear()
    monkeypatch.setenv("RENKEI_FAILPOINTS", "push.proved=sleep:0.5")

    with _meanwhile(lambda: _as_soon_as_there_is_a_part(taker, lambda: _put(taker, b"another"))):
        receipt = taker.push(file)

    assert receipt.effect == "conflict"
    assert (taker.into / NAME).read_bytes() == b"another"


def test_a_link_under_the_name_is_not_written_through(taker: Taker, file: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"not ours")
    (taker.into / NAME).symlink_to(victim)

    assert taker.push(file).effect == "conflict"
    assert victim.read_bytes() == b"not ours"


def test_a_link_under_the_unfinished_name_is_not_written_through(
    taker: Taker, file: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"not ours")
    taker.push_and_stop(file, "push.proved")
    (part,) = taker.into.glob("*.part")
    part.unlink()
    part.symlink_to(victim)

    assert taker.push(file).effect == "applied"
    assert victim.read_bytes() == b"not ours"
    assert (taker.into / NAME).read_bytes() == DATA


@pytest.mark.parametrize(
    "place", ["push.chunk=kill9@2", "push.proved=kill9", "push.renamed=kill9", "push.done=kill9"]
)
def test_a_push_killed_anywhere_and_sent_again_lands_once(taker: Taker, file: Path, place: str) -> None:
    with _reader(taker) as seen:
        died = taker.push_and_die(file, place)
        receipt = taker.push(file)

    assert died == KILLED
    assert receipt.effect == ("already" if place.startswith(("push.renamed", "push.done")) else "applied")
    assert taker.names() == [NAME, MARK]
    assert taker.read_back(file).landed
    assert seen <= {len(DATA)}


def test_a_file_that_was_taken_away_is_not_offered_again_where_an_inbox_is_kept(
    taker: Taker, file: Path
) -> None:
    settings = _inbox(taker)
    taker.push_and_stop(file, "push.renamed", **settings)
    (taker.into / NAME).unlink()

    assert taker.push(file, **settings).effect == "already"
    assert taker.names() == []


def test_twin_without_an_inbox_offers_it_twice(taker: Taker, file: Path) -> None:
    taker.push_and_stop(file, "push.renamed")
    (taker.into / NAME).unlink()

    assert taker.push(file).effect == "applied"


def test_a_broken_push_goes_on_where_it_stopped(taker: Taker, file: Path) -> None:
    if taker.port is None:
        return  # a share has no link to cut
    file.write_bytes(DATA * 4)
    with FaultProxy(taker.port, faults=[Fault(direction="up", after=9_000_000, action="reset")]) as proxy:
        with pytest.raises(TryAgain, match="E_PUSH_LOST"):
            taker.push(file, port=proxy.port)
        assert NAME not in taker.names()

    with FaultProxy(taker.port) as proxy:
        receipt = taker.push(file, port=proxy.port)

    assert receipt.effect == "applied"
    assert (taker.into / NAME).read_bytes() == DATA * 4
    assert proxy.passed["up"] < 7_000_000


@pytest.mark.parametrize("place", [0, 900_000], ids=["start", "end of the part"])
def test_an_unfinished_file_that_is_not_ours_is_not_gone_on_with(
    taker: Taker, file: Path, place: int
) -> None:
    taker.push_and_stop(file, "push.proved")
    (part,) = taker.into.glob("*.part")
    part.write_bytes(DATA[:place] + b"#" * 16 + DATA[place + 16 : 1_000_000])

    assert taker.push(file).effect == "applied"
    assert (taker.into / NAME).read_bytes() == DATA


def test_damage_in_the_middle_of_an_unfinished_file_is_found_by_reading_back(
    taker: Taker, file: Path
) -> None:
    taker.push_and_stop(file, "push.proved")
    (part,) = taker.into.glob("*.part")
    part.write_bytes(DATA[:500_000] + b"#" * 16 + DATA[500_016:])

    with pytest.raises(TryAgain, match="E_PUSH_PROOF"):
        taker.push(file)

    assert taker.names() == []
    assert taker.push(file).effect == "applied"


def test_twin_that_does_not_read_back_names_a_damaged_file(taker: Taker, file: Path) -> None:
    trusting = ("offered.reads_back and _digest_of(rack, offered.part) != ours.measured()", "False")
    taker.push_and_stop(file, "push.proved")
    (part,) = taker.into.glob("*.part")
    part.write_bytes(DATA[:500_000] + b"#" * 16 + DATA[500_016:])
    taker.module.offer = engine_without("part/offer.py", trusting).offer

    assert taker.push(file).effect == "applied"
    assert (taker.into / NAME).read_bytes() != DATA


def test_a_reader_in_a_loop_never_sees_half_a_file(taker: Taker, file: Path) -> None:
    with _reader(taker) as seen:
        taker.push(file)
        time.sleep(0.02)

    assert seen == {len(DATA)}


def test_twin_that_writes_under_the_real_name_shows_half_a_file(
    taker: Taker, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENKEI_FAILPOINTS", "push.chunk=sleep:0.1@2")  # long enough for a busy machine
    at_once = ("rack.making(offered.part, fresh=start == 0)", "rack.making(offered.path, fresh=True)")
    unproved = ("not same or (offered.reads_back", "not same or (False")
    unnamed = ("        rack.rename(offered.part, offered.path, over=offered.replace)\n", "")
    taker.module.offer = engine_without("part/offer.py", at_once, unproved, unnamed).offer

    with _reader(taker) as seen:
        taker.push(file)
        time.sleep(0.02)

    assert len(seen) > 1


def test_the_done_file_of_an_earlier_file_is_made_anew(taker: Taker, file: Path) -> None:
    (taker.into / MARK).touch()
    os.utime(taker.into / MARK, (1_000_000, 1_000_000))

    taker.push(file)

    assert (taker.into / MARK).stat().st_mtime >= int((taker.into / NAME).stat().st_mtime)


def test_it_has_landed_only_when_the_receiver_says_so(taker: Taker, file: Path) -> None:
    receipt = NAME.replace(".DAT", ".RCV")
    settings = {"receipt": "*.RCV", "receipt_wait": "0.2s"}
    (taker.into / receipt).touch()
    os.utime(taker.into / receipt, (1_000_000, 1_000_000))  # of a file of last year

    assert taker.push(file, **settings).effect == "applied"
    assert not taker.read_back(file, **settings).landed
    (taker.into / receipt).write_text("OK 3072000")
    assert taker.read_back(file, **settings).landed
    assert taker.read_back(file, receipt_says="^OK", **settings).landed
    with pytest.raises(Stop, match="E_PUSH_RECEIPT"):
        taker.read_back(file, receipt_says="^RECEIVED", **settings)


def test_a_receipt_that_comes_while_we_wait_is_seen(taker: Taker, file: Path) -> None:
    taker.push(file)

    def receive() -> None:
        time.sleep(0.3)
        (taker.into / NAME.replace(".DAT", ".RCV")).touch()

    with _meanwhile(receive):
        assert taker.read_back(file, receipt="*.RCV", receipt_wait="10s").landed


def test_a_receiver_that_takes_the_file_away_with_a_receipt_has_it(taker: Taker, file: Path) -> None:
    settings = {**_inbox(taker), "receipt": ".RCV"}
    taker.push(file, **settings)
    (taker.into / NAME).unlink()
    (taker.into / NAME.replace(".DAT", ".RCV")).touch()

    found = taker.read_back(file, **settings)

    assert (found.landed, found.sha256) == (True, None)


@pytest.mark.parametrize("name", ["../x", "a/b", "x\n.DAT", "", "x" * 240])
def test_a_name_that_is_a_path_or_too_long_is_refused(taker: Taker, file: Path, name: str) -> None:
    with pytest.raises(FixDeclaration, match="E_DECLARATION"):
        taker.push(file, name=name)


def test_a_target_folder_that_is_missing_is_named(taker: Taker, file: Path) -> None:
    with pytest.raises(FixDeclaration, match="E_SOURCE_OBJECT"):
        taker.push(file, to="/nowhere/at/all")


def test_two_pushes_at_once_share_nothing(taker: Taker, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other" * 100_000)
    effects: list[str] = []
    pushes = [
        threading.Thread(target=lambda f=f, k=k: effects.append(taker.push(f, key=k).effect))
        for f, k in ((file, "k1"), (other, "k2"))
    ]
    for push in pushes:
        push.start()
    for push in pushes:
        push.join(60)

    assert sorted(effects) == ["applied", "conflict"]
    assert (taker.into / NAME).read_bytes() in (DATA, other.read_bytes())
    assert taker.names() == [NAME, MARK]


def _inbox(taker: Taker) -> dict[str, str]:
    (taker.into.parent / "inbox").mkdir(exist_ok=True)
    folder = "/inbox" if taker.connector == "folder" else str(taker.into.parent / "inbox")
    return {"inbox": folder}


def _put(taker: Taker, data: bytes) -> None:
    (taker.into / NAME).write_bytes(data)


def _as_soon_as_there_is_a_part(taker: Taker, act) -> None:
    for _ in range(2_000):
        if any(place.stat().st_size == len(DATA) for place in taker.into.glob("*.part")):
            act()
            return
        time.sleep(0.005)


@contextmanager
def _meanwhile(act) -> Iterator[None]:
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)


@contextmanager
def _reader(taker: Taker) -> Iterator[set[int]]:
    """Somebody who takes whatever lies there under its real name, as often as possible."""
    seen: set[int] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            with suppress(FileNotFoundError):
                seen.add((taker.into / NAME).stat().st_size)
            time.sleep(0.0005)

    with _meanwhile(look):
        try:
            yield seen
        finally:
            over.set()
