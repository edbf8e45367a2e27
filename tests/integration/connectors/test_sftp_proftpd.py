"""ProFTPD's mod_sftp beside OpenSSH: another server, the same promises."""

import os
from pathlib import Path
from types import ModuleType

import pytest
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors.peers import Sshd, private
from tests.integration.connectors.proftpd_peer import PASSWORD, Proftpd
from tests.integration.connectors.reading import pull_files, since

from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.model import Connection

WHOLE = bytes(range(256)) * 32_768  # 8 MiB


def offer(peer: Proftpd, name: str = "KJ_20261120.DAT", data: bytes = WHOLE) -> None:
    (peer.out / name).write_bytes(data)
    (peer.out / name.replace(".DAT", ".END")).touch()


@pytest.mark.parametrize("wire", ["paramiko", "asyncssh"])
def test_files_are_taken_once(sftp: ModuleType, proftpd: Proftpd, tmp_path: Path, wire: str) -> None:
    offer(proftpd)
    offer(proftpd, "KJ_20261119 髙﨑.DAT", b"older")
    peer = proftpd.at(proftpd.port, wire=wire)

    deliveries, notes = pull_files(sftp, peer, proftpd.out, tmp_path / "work")
    again, _ = pull_files(sftp, peer, proftpd.out, tmp_path / "work", since=since(deliveries[-1]))

    assert [delivery.path.read_bytes() for delivery in deliveries] == [b"older", WHOLE]
    assert (notes, again) == ([], [])


@pytest.mark.parametrize("wire", ["paramiko", "asyncssh"])
def test_a_broken_transfer_goes_on_where_it_stopped(
    sftp: ModuleType, proftpd: Proftpd, tmp_path: Path, wire: str
) -> None:
    offer(proftpd)
    fault = Fault(direction="down", after=5_000_000, action="reset")
    with FaultProxy(proftpd.port, faults=[fault]) as proxy, pytest.raises(TryAgain, match="E_PULL_LOST"):
        pull_files(sftp, proftpd.at(proxy.port, wire=wire), proftpd.out, tmp_path / "work")

    with FaultProxy(proftpd.port) as proxy:
        (delivery,), _ = pull_files(sftp, proftpd.at(proxy.port, wire=wire), proftpd.out, tmp_path / "work")

    assert delivery.path.read_bytes() == WHOLE
    assert proxy.passed["down"] < len(WHOLE) - 1_000_000


@pytest.mark.parametrize("wire", ["paramiko", "asyncssh"])
def test_a_password_signs_in_where_it_is_declared(
    sftp: ModuleType, proftpd: Proftpd, tmp_path: Path, wire: str
) -> None:
    offer(proftpd, data=b"x")
    peer = proftpd.by_password(tmp_path)
    connection = Connection(name="peer", settings={**peer.settings, "wire": wire})

    (delivery,), _ = pull_files(sftp, connection, proftpd.out, tmp_path / "work")
    found = sftp.connect(connection, workdir=tmp_path).test()

    assert delivery.path.read_bytes() == b"x"
    assert found["sign_in"] == "password"
    assert not any(PASSWORD in text for text in found.values())


@pytest.mark.parametrize("wire", ["paramiko", "asyncssh"])
def test_a_wrong_password_is_refused_once_and_never_said(
    sftp: ModuleType, proftpd: Proftpd, tmp_path: Path, wire: str
) -> None:
    peer = proftpd.by_password(tmp_path, "wrong 合言葉")
    connection = Connection(name="peer", settings={**peer.settings, "wire": wire, "retry_seconds": "5"})

    with pytest.raises(Stop, match="E_AUTH") as stopped:
        pull_files(sftp, connection, proftpd.out, tmp_path / "work")

    assert "合言葉" not in repr(stopped.value.facts) + str(stopped.value)


def test_a_password_that_stands_in_the_settings_is_refused(
    sftp: ModuleType, proftpd: Proftpd, tmp_path: Path
) -> None:
    peer = proftpd.by_password(tmp_path)
    plain = Connection(name="peer", settings={**peer.settings, "password": PASSWORD})

    with pytest.raises(FixDeclaration, match="E_SECRET"):
        pull_files(sftp, plain, proftpd.out, tmp_path / "work")


def test_key_and_password_together_are_a_wrong_declaration(
    sftp: ModuleType, proftpd: Proftpd, tmp_path: Path
) -> None:
    both = proftpd.at(proftpd.port, password=private(tmp_path / "password", PASSWORD))

    with pytest.raises(FixDeclaration, match="not both"):
        pull_files(sftp, both, proftpd.out, tmp_path / "work")


def test_a_connection_test_tells_what_was_agreed_on_with_two_servers(
    sftp: ModuleType, proftpd: Proftpd, sshd: Sshd, tmp_path: Path
) -> None:
    found = {
        name: sftp.connect(peer.at(peer.port, probe=str(peer.out)), workdir=tmp_path).test()
        for name, peer in (("OpenSSH", sshd), ("mod_sftp", proftpd))
    }

    for name, told in found.items():
        assert told["server"].startswith(name)
        assert told["host_key"].startswith("SHA256:")
        assert told["key_exchange"].startswith("curve25519-sha256")
        assert (told["cipher"], told["mac"]) == ("aes128-gcm@openssh.com", "in the cipher")
        assert (told["wire"], told["names"], told["old_algorithms"]) == ("paramiko", "utf-8", "none")
        assert abs(int(told["clock"].split()[0])) <= 2
        assert told["rename_over"] == "refused"
    assert os.listdir(sshd.out) == os.listdir(proftpd.out) == []  # noqa: PTH208 - both at once


def test_a_connection_test_writes_nothing_unless_told_where(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    found = sftp.connect(sshd.connection, workdir=tmp_path).test()

    assert found["clock"] == found["rename_over"] == "not tried: declare probe"
