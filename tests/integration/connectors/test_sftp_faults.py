"""Faults of the link, the server and the sender, each with the twin that has no guard against it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.part_twins import engine_without
from tests.integration.connectors.peers import PASSPHRASE, Sshd, private, without
from tests.integration.connectors.reading import left_in, pull_files

from renkei import failpoint as failpoints
from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.part import unfinished as parts
from renkei.project import load_connector

T0 = 1_795_143_600
NAME = "KJ_20261120.DAT"


@contextmanager
def meanwhile(action: Callable[[threading.Event], None]) -> Iterator[None]:
    """Something the sender does while we work; it is told when to end."""
    over = threading.Event()
    thread = threading.Thread(target=action, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def wire_without(folder: Path, file: str, *patches: tuple[str, str]) -> ModuleType:
    """The connector on a wire with a guard taken out."""
    without(folder, file, *patches)
    return load_connector(folder / "twin", "sftp")


# still being written ------------------------------------------------------------------------------


def slow_writer(sshd: Sshd) -> Callable[[threading.Event], None]:
    def write(over: threading.Event) -> None:
        with (sshd.out / NAME).open("ab", buffering=0) as file:
            while not over.wait(0.05):
                file.write(b"x" * 1000)

    return write


def test_a_file_that_grows_between_two_looks_is_left(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    sshd.put(NAME, b"x" * 1000)

    with meanwhile(slow_writer(sshd)), pytest.raises(TryAgain, match="E_FILE_GROWING"):
        pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work", done="")

    assert left_in(tmp_path / "work") == []


def test_twin_that_takes_a_file_at_first_look_gets_a_part(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    first_look = ("if again.get(entry.name) == entry]", "]")
    no_after = (" = same and shelf.look_at(source, entry.name) == entry == shelf.look(path)", " = True")
    no_before = ("same = shelf.look(path) == entry\n", "same = True\n")
    no_size = ("if same and target.size != entry.size:", "if False:")
    sftp.fetch_new = engine_without("part/fetch.py", first_look, no_before, no_after, no_size).fetch_new
    sshd.put(NAME, b"x" * 1000)

    with meanwhile(slow_writer(sshd)):
        (delivery,), _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work", done="")
        time.sleep(0.2)

    assert len(delivery.path.read_bytes()) < (sshd.out / NAME).stat().st_size


# replaced while it is read ------------------------------------------------------------------------

OLD, NEW = b"o" * 5_000_000, b"n" * 5_000_000


def offer(sshd: Sshd, data: bytes = OLD) -> None:
    sshd.put(NAME, data, modified=T0)
    sshd.put("KJ_20261120.END", b"", modified=T0)


def rename_over(sshd: Sshd) -> None:
    sshd.put(".fresh", NEW, modified=T0 + 60).rename(sshd.out / NAME)


def write_over(sshd: Sshd) -> None:
    with (sshd.out / NAME).open("r+b") as file:
        file.write(NEW)
    os.utime(sshd.out / NAME, (T0 + 60, T0 + 60))


def shorten(sshd: Sshd) -> None:
    os.truncate(sshd.out / NAME, 3_000_000)


def vanish(sshd: Sshd) -> None:
    (sshd.out / NAME).unlink()


def while_reading(
    sshd: Sshd, workdir: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Sshd], None]
) -> Callable[[threading.Event], None]:
    """Act once the first block is here; the reader rests there for a moment."""
    failpoints._reached.clear()
    monkeypatch.setenv("RENKEI_FAILPOINTS", "pull.chunk=sleep:0.6")

    def wait_and_act(over: threading.Event) -> None:
        while not over.wait(0.01):
            if any(place.stat().st_size for place in workdir.glob("*.part")):
                act(sshd)
                return

    return wait_and_act


@pytest.mark.parametrize("act", [rename_over, write_over, shorten, vanish])
def test_a_file_replaced_while_it_is_read_is_thrown_away(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Sshd], None]
) -> None:
    offer(sshd)

    with (
        meanwhile(while_reading(sshd, tmp_path / "work", monkeypatch, act)),
        pytest.raises(TryAgain, match="E_FILE_REPLACED"),
    ):
        pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    assert [place.stat().st_size for place in (tmp_path / "work").glob("*.part")] == [0]


def test_twin_that_does_not_look_again_mixes_two_files(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = (" = same and shelf.look_at(source, entry.name) == entry == shelf.look(path)", " = True")
    sftp.fetch_new = engine_without("part/fetch.py", after).fetch_new
    offer(sshd)

    with meanwhile(while_reading(sshd, tmp_path / "work", monkeypatch, write_over)):
        (delivery,), _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    assert set(delivery.path.read_bytes()) == set(b"on")


# a broken transfer --------------------------------------------------------------------------------

WHOLE = bytes(range(256)) * 32_768  # 8 MiB


def break_off(sftp: ModuleType, sshd: Sshd, workdir: Path, *, action: str = "reset") -> None:
    offer(sshd, WHOLE)
    fault = Fault(direction="down", after=5_000_000, action=action)  # type: ignore[arg-type]  # one of the four
    with FaultProxy(sshd.port, faults=[fault]) as proxy, pytest.raises(TryAgain, match="E_PULL_LOST"):
        pull_files(sftp, sshd.at(proxy.port, timeout="1"), sshd.out, workdir)


@pytest.mark.parametrize("action", ["cut", "reset", "half_close", "black_hole"])
def test_a_broken_transfer_goes_on_where_it_stopped(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path, action: str
) -> None:
    break_off(sftp, sshd, tmp_path / "work", action=action)

    with FaultProxy(sshd.port) as proxy:
        (delivery,), _ = pull_files(sftp, sshd.at(proxy.port), sshd.out, tmp_path / "work")

    assert delivery.path.read_bytes() == WHOLE
    assert proxy.passed["down"] < len(WHOLE) - 1_000_000
    assert left_in(tmp_path / "work") == [delivery.sha256]


@pytest.mark.parametrize("place", [0, 4_000_000], ids=["start", "end of the part"])
def test_a_part_of_another_file_is_not_continued(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path, place: int
) -> None:
    break_off(sftp, sshd, tmp_path / "work")
    other = WHOLE[:place] + b"#" * 16 + WHOLE[place + 16 :]
    offer(sshd, other)

    (delivery,), _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    assert delivery.path.read_bytes() == other


def test_twin_that_resumes_without_proof_mixes_two_files(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(sftp, sshd, tmp_path / "work")
    other = b"#" * 16 + WHOLE[16:]
    offer(sshd, other)
    monkeypatch.setattr(parts, "proofs", lambda length: ())

    (delivery,), _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    assert delivery.path.read_bytes() != other


def test_a_part_damaged_here_is_not_continued(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    break_off(sftp, sshd, tmp_path / "work")
    (part,) = (tmp_path / "work").glob("*.part")
    with part.open("r+b") as file:
        file.seek(1_500_000)
        file.write(b"?")

    (delivery,), _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    assert delivery.path.read_bytes() == WHOLE


def test_a_part_of_a_file_that_is_gone_is_cleared_away(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    break_off(sftp, sshd, tmp_path / "work")
    vanish(sshd)

    pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    assert left_in(tmp_path / "work") == []


def test_a_slow_link_changes_nothing(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    offer(sshd, WHOLE[:300_000])

    with FaultProxy(sshd.port, delay=0.01, seed=20261120) as proxy:
        (delivery,), _ = pull_files(sftp, sshd.at(proxy.port), sshd.out, tmp_path / "work")

    assert delivery.path.read_bytes() == WHOLE[:300_000]


# who is there, and who we are ---------------------------------------------------------------------


def signed_in_since(sshd: Sshd, mark: int) -> list[str]:
    """What the server's log says of authentication, from a byte on."""
    time.sleep(0.2)
    lines = sshd.log.read_bytes()[mark:].decode().splitlines()
    return [line for line in lines if "ublickey" in line or "authenticating user" in line]


def test_another_host_key_ends_the_link_before_signing_in(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    offer(sshd)
    mark = sshd.log.stat().st_size

    with pytest.raises(Stop, match="E_HOSTKEY"):
        pull_files(sftp, sshd.at(sshd.port, host_key=sshd.other_host_key), sshd.out, tmp_path / "work")

    assert signed_in_since(sshd, mark) == []


def test_a_pinned_key_of_a_kind_the_server_lost_is_a_wrong_host_key(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    pinned = "ecdsa-sha2-nistp256 " + sshd.other_host_key.split()[1]

    with pytest.raises(Stop, match="E_HOSTKEY"):
        pull_files(sftp, sshd.at(sshd.port, host_key=pinned), sshd.out, tmp_path / "work")


def test_twin_that_accepts_any_host_key_signs_in_to_a_stranger(sshd: Sshd, tmp_path: Path) -> None:
    twin = wire_without(
        tmp_path, "parts/sftp_paramiko.py", ("        _check_host_key(connection, transport)\n", "")
    )
    offer(sshd)
    mark = sshd.log.stat().st_size

    pull_files(twin, sshd.at(sshd.port, host_key=sshd.other_host_key), sshd.out, tmp_path / "work")

    assert any("Accepted publickey" in line for line in signed_in_since(sshd, mark))


def test_a_refused_key_is_tried_exactly_once(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    stranger = str(Path(sshd.connection.settings["key_file"]).with_name("stranger"))
    mark = sshd.log.stat().st_size

    with pytest.raises(Stop, match="E_AUTH"):
        pull_files(
            sftp, sshd.at(sshd.port, key_file=stranger, retry_seconds="5"), sshd.out, tmp_path / "work"
        )

    assert sum("Failed publickey" in line for line in signed_in_since(sshd, mark)) == 1


def test_twin_that_retries_the_sign_in_knocks_many_times(sshd: Sshd, tmp_path: Path) -> None:
    refused = ('raise Stop("E_AUTH", connection=connection.name)', 'raise TryAgain("E_LINK_DOWN")')
    twin = wire_without(tmp_path, "parts/sftp_paramiko.py", refused)
    stranger = str(Path(sshd.connection.settings["key_file"]).with_name("stranger"))
    mark = sshd.log.stat().st_size

    with pytest.raises(TryAgain):
        pull_files(
            twin, sshd.at(sshd.port, key_file=stranger, retry_seconds="1"), sshd.out, tmp_path / "work"
        )

    assert sum("Failed publickey" in line for line in signed_in_since(sshd, mark)) > 1


def test_a_passing_fault_before_signing_in_heals_within_seconds(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    offer(sshd, b"small")
    first = Fault(direction="down", after=100, action="reset", connection=1)

    with FaultProxy(sshd.port, faults=[first]) as proxy:
        (delivery,), _ = pull_files(
            sftp, sshd.at(proxy.port, retry_seconds="10"), sshd.out, tmp_path / "work"
        )

    assert delivery.path.read_bytes() == b"small"
    assert proxy.connections == 2


def test_a_passphrase_comes_by_reference(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    offer(sshd, b"small")
    locked = str(Path(sshd.connection.settings["key_file"]).with_name("locked"))
    reference = private(tmp_path / "passphrase", PASSPHRASE + "\n")

    with pytest.raises(FixDeclaration, match="E_SECRET"):
        pull_files(sftp, sshd.at(sshd.port, key_file=locked), sshd.out, tmp_path / "work")
    deliveries, _ = pull_files(
        sftp, sshd.at(sshd.port, key_file=locked, passphrase=reference), sshd.out, tmp_path / "work"
    )

    assert len(deliveries) == 1


# names --------------------------------------------------------------------------------------------


def test_twin_that_follows_links_delivers_a_file_of_the_machine(sshd: Sshd, tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere"
    secret.write_bytes(b"not for us")
    (sshd.out / NAME).symlink_to(secret)
    follows = ("regular=stat.S_ISREG(attributes.st_mode or 0)", "regular=True")
    stats = ("self._client.lstat(path)", "self._client.stat(path)")
    twin = wire_without(tmp_path, "parts/sftp_paramiko.py", follows, stats)
    no_look = ("if again.get(entry.name) == entry]", "]")
    no_before = ("same = shelf.look(path) == entry\n", "same = True\n")
    no_after = (" = same and shelf.look_at(source, entry.name) == entry == shelf.look(path)", " = True")
    unproved = ("if same and target.size != entry.size:", "if False:")
    twin.fetch_new = engine_without("part/fetch.py", no_look, no_before, no_after, unproved).fetch_new

    (delivery,), _ = pull_files(twin, sshd.connection, sshd.out, tmp_path / "work", done="")

    assert delivery.path.read_bytes() == b"not for us"


def test_twin_without_names_as_data_fails_for_the_whole_folder(sshd: Sshd, tmp_path: Path) -> None:
    offer(sshd, b"small")
    Path(os.fsdecode(os.fsencode(sshd.out) + "/税.DAT".encode("cp932"))).write_bytes(b"x")
    tolerant = (
        '        message.get_text = lambda: message.get_string().decode("utf-8", "surrogateescape")\n',
        "",
    )
    twin = wire_without(tmp_path, "parts/sftp_channel.py", tolerant)

    with pytest.raises(UnicodeDecodeError):
        pull_files(twin, sshd.connection, sshd.out, tmp_path / "work")
