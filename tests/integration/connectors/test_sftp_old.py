"""Old servers: only what a connection declares by its name is used, and the refusal says what that would be."""

import os
from pathlib import Path
from types import ModuleType

import pytest
from tests.integration.connectors.old_sshd_peer import NEEDED, OldSshd
from tests.integration.connectors.peers import Sshd, feed_of, without
from tests.integration.connectors.reading import left_in, pull_files

from renkei.errors import FixDeclaration, Stop
from renkei.model import Connection, Outgoing
from renkei.project import load_connector

NAME = "KJ_20261120.DAT"

#: The cryptography library says of its own that this will go one day; docs/files.md says so too.
pytestmark = pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")


def offer(peer: OldSshd) -> None:
    (peer.out / NAME).write_bytes(b"old but whole")
    (peer.out / "KJ_20261120.END").touch()


def accepted_since(peer: OldSshd, mark: int) -> int:
    return peer.log.read_bytes()[mark:].count(b"Accepted publickey")


def test_an_old_server_is_refused_and_what_it_would_take_is_said(
    sftp: ModuleType, old_sshd: OldSshd, tmp_path: Path
) -> None:
    mark = old_sshd.log.stat().st_size

    with pytest.raises(Stop, match="E_SSH_OLD") as stopped:
        pull_files(sftp, old_sshd.connection, old_sshd.out, tmp_path / "work")

    facts = stopped.value.facts
    assert facts["declare"] == f'algorithms = "{NEEDED}"'
    assert "diffie-hellman-group1-sha1" in facts["reason"]
    assert str(facts["declare"]) in str(stopped.value)
    assert accepted_since(old_sshd, mark) == 0


def test_it_is_read_where_exactly_that_is_declared(
    sftp: ModuleType, old_sshd: OldSshd, tmp_path: Path
) -> None:
    offer(old_sshd)

    (delivery,), _ = pull_files(sftp, old_sshd.with_(algorithms=NEEDED), old_sshd.out, tmp_path / "work")

    assert delivery.path.read_bytes() == b"old but whole"


@pytest.mark.parametrize("missing", NEEDED.split())
def test_one_name_that_is_not_declared_is_one_too_few(
    sftp: ModuleType, old_sshd: OldSshd, tmp_path: Path, missing: str
) -> None:
    declared = " ".join(name for name in NEEDED.split() if name != missing)

    with pytest.raises(Stop, match="E_SSH_OLD") as stopped:
        pull_files(sftp, old_sshd.with_(algorithms=declared), old_sshd.out, tmp_path / "work")

    assert stopped.value.facts["declare"] == f'algorithms = "{missing}"'


def test_twin_with_everything_old_allowed_talks_to_it_undeclared(old_sshd: OldSshd, tmp_path: Path) -> None:
    offer(old_sshd)
    anything = ('"digests": (\n', '"digests": (\n        "hmac-sha1",\n')
    old = ('"kex": (\n', '"kex": (\n        "diffie-hellman-group14-sha1",\n')
    cipher = ('"ciphers": (', '"ciphers": ("3des-cbc", ')
    signs = ('("rsa-sha2-512", "rsa-sha2-256")}', '("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}')
    without(tmp_path, "parts/sftp_offer.py", anything, old, cipher, signs)
    twin = load_connector(tmp_path / "twin", "sftp")

    (delivery,), _ = pull_files(twin, old_sshd.with_(wire="asyncssh"), old_sshd.out, tmp_path / "work")

    assert delivery.path.read_bytes() == b"old but whole"


def test_a_connection_test_tells_that_old_algorithms_were_needed(
    sftp: ModuleType, old_sshd: OldSshd, tmp_path: Path
) -> None:
    found = sftp.connect(old_sshd.with_(algorithms=NEEDED), workdir=tmp_path).test()

    assert found["wire"] == "asyncssh"
    assert found["old_algorithms"] == "diffie-hellman-group14-sha1 ssh-rsa 3des-cbc hmac-sha1"
    assert (found["cipher"], found["mac"]) == ("3des-cbc", "hmac-sha1")


def test_what_is_declared_but_not_needed_is_not_used(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    declared = sshd.at(sshd.port, algorithms="diffie-hellman-group14-sha1 3des-cbc hmac-sha1")

    found = sftp.connect(declared, workdir=tmp_path).test()

    assert (found["old_algorithms"], found["cipher"]) == ("none", "aes128-gcm@openssh.com")


def test_an_unknown_algorithm_is_a_wrong_declaration(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(FixDeclaration, match="group14-sha1"):
        pull_files(sftp, sshd.at(sshd.port, algorithms="group14-sha1"), sshd.out, tmp_path / "work")


def test_another_host_key_ends_this_wire_too(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    stranger = sshd.at(sshd.port, host_key=sshd.other_host_key, wire="asyncssh")

    with pytest.raises(Stop, match="E_HOSTKEY"):
        pull_files(sftp, stranger, sshd.out, tmp_path / "work")


def test_a_refused_key_is_tried_once_on_this_wire_too(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    stranger = str(Path(sshd.connection.settings["key_file"]).with_name("stranger"))
    mark = sshd.log.stat().st_size

    with pytest.raises(Stop, match="E_AUTH"):
        pull_files(
            sftp, sshd.at(sshd.port, key_file=stranger, wire="asyncssh", retry_seconds="5"), sshd.out,
            tmp_path / "work",
        )  # fmt: skip

    assert sshd.log.read_bytes()[mark:].count(b"Failed publickey") == 1


# names in CP932 -----------------------------------------------------------------------------------

#: 髙 as Windows writes it (FBFC) and as an NEC-minded writer does (EEE0): one text, two files.
WINDOWS, NEC = b"KJ_\xfb\xfc\x8d\xe2.DAT", b"KJ_\xee\xe0\x8d\xe2.DAT"
TAX = "KJ_税務ソ表能_20261120.DAT"


def put(out: Path, raw: bytes, data: bytes) -> None:
    with open(os.path.join(os.fsencode(out), raw), "wb") as file:  # noqa: PTH118, PTH123 - bytes, as they are
        file.write(data)


def in_cp932(sshd: Sshd) -> Connection:
    return sshd.at(sshd.port, names="cp932")


def test_names_in_cp932_are_read_where_that_is_declared(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    put(sshd.out, TAX.encode("cp932"), b"tax")
    put(sshd.out, WINDOWS, b"by Windows")

    deliveries, notes = pull_files(sftp, in_cp932(sshd), sshd.out, tmp_path / "work", done="")

    assert {delivery.name: delivery.path.read_bytes() for delivery in deliveries} == {
        TAX: b"tax", "KJ_髙坂.DAT": b"by Windows"
    }  # fmt: skip
    assert notes == []
    assert left_in(tmp_path / "work") == sorted(delivery.sha256 for delivery in deliveries)


def test_a_name_written_the_other_way_is_opened_by_its_own_bytes(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    put(sshd.out, NEC, b"by NEC")

    (delivery,), _ = pull_files(sftp, in_cp932(sshd), sshd.out, tmp_path / "work", done="")

    assert (delivery.name, delivery.path.read_bytes()) == ("KJ_髙坂.DAT", b"by NEC")


def test_two_files_whose_names_read_the_same_are_left(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    put(sshd.out, WINDOWS, b"one")
    put(sshd.out, NEC, b"two")

    deliveries, notes = pull_files(sftp, in_cp932(sshd), sshd.out, tmp_path / "work", done="")

    assert deliveries == []
    assert [note.split()[0] for note in notes] == ["E_FILE_NAME"]


def test_twin_that_does_not_count_names_takes_one_of_the_two(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import renkei.arrival

    monkeypatch.setattr(renkei.arrival, "_by_name", lambda listing: ({e.name: e for e in listing}, set()))
    put(sshd.out, WINDOWS, b"one")
    put(sshd.out, NEC, b"two")

    deliveries, notes = pull_files(sftp, in_cp932(sshd), sshd.out, tmp_path / "work", done="")

    assert (len(deliveries), notes) == (1, [])


def test_bytes_that_are_no_cp932_are_noted_and_left(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    put(sshd.out, b"KJ_\xfd\xff.DAT", b"x")

    deliveries, notes = pull_files(sftp, in_cp932(sshd), sshd.out, tmp_path / "work", done="")

    assert (deliveries, len(notes)) == ([], 1)


def test_a_file_is_offered_under_a_name_as_windows_writes_it(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    (tmp_path / "outgoing").write_bytes(b"for them")
    outgoing = Outgoing(key="k", file=tmp_path / "outgoing", name="KJ_髙坂.DAT")
    feed = feed_of("sftp", to=str(sshd.out), done=".END")
    connector = sftp.connect(in_cp932(sshd), workdir=tmp_path / "work")

    assert connector.push(feed, outgoing).effect == "applied"
    assert connector.push(feed, outgoing).effect == "already"
    assert connector.read_back(feed, outgoing).landed
    assert sorted(os.listdir(os.fsencode(sshd.out))) == [WINDOWS, WINDOWS.replace(b".DAT", b".END")]  # noqa: PTH208 - bytes


def test_a_name_that_cp932_cannot_write_is_refused(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "outgoing").write_bytes(b"for them")
    outgoing = Outgoing(key="k", file=tmp_path / "outgoing", name="KJ_𠮷.DAT")
    connector = sftp.connect(in_cp932(sshd), workdir=tmp_path / "work")

    with pytest.raises(FixDeclaration, match="cp932"):
        connector.push(feed_of("sftp", to=str(sshd.out)), outgoing)
