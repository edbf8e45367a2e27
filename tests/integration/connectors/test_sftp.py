"""The SFTP connector against a real OpenSSH server: what is taken, in which order, and what is left."""

import hashlib
import os
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType

import pytest
from tests.integration.connectors.peers import Sshd, feed_of, free_port
from tests.integration.connectors.reading import SFTP, left_in, pull_files, since

from renkei.errors import FixDeclaration, Stop, TryAgain

#: 2026-11-20 03:00 UTC, and steps of a minute.
T0 = 1_795_143_600


def test_files_with_a_done_file_come_oldest_first(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    for day, minute in (("20261120", 0), ("20261119", 5), ("20261118", 9)):
        sshd.put(f"KJ_{day}.DAT", day.encode(), modified=T0 + 60 * minute)
        sshd.put(f"KJ_{day}.END", b"", modified=T0 + 60 * minute + 1)

    deliveries, notes = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    assert [delivery.name for delivery in deliveries] == [
        f"KJ_{day}.DAT" for day in (20261118, 20261119, 20261120)
    ]
    assert deliveries[0].as_of == date(2026, 11, 18)
    assert deliveries[2].remote_modified == datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
    assert deliveries[0].path.read_bytes() == b"20261118"
    assert deliveries[0].sha256 == hashlib.sha256(b"20261118").hexdigest()
    assert notes == []


def test_a_file_taken_before_is_not_fetched_again(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    sshd.put("KJ_20261120.DAT", b"first", modified=T0)
    sshd.put("KJ_20261120.END", b"", modified=T0)
    (first,), _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    again, _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work", since=since(first))

    assert first.position["seen"] == {"KJ_20261120.DAT": [5, T0, first.sha256]}
    assert again == []


def test_a_known_name_with_other_bytes_is_delivered_for_a_decision(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    sshd.put("KJ_20261120.DAT", b"first", modified=T0)
    sshd.put("KJ_20261120.END", b"", modified=T0)
    (first,), _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")
    sshd.put("KJ_20261120.DAT", b"other", modified=T0 + 60)
    sshd.put("KJ_20261120.END", b"", modified=T0 + 60)

    (other,), _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work", since=since(first))

    assert (other.name, other.path.read_bytes()) == (first.name, b"other")


def test_a_file_without_its_done_file_waits_while_others_are_taken(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    sshd.put("KJ_20261119.DAT", b"whole", modified=T0)
    sshd.put("KJ_20261119.END", b"", modified=T0)
    sshd.put("KJ_20261120.DAT", b"not yet", modified=T0)

    deliveries, notes = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    assert [delivery.name for delivery in deliveries] == ["KJ_20261119.DAT"]
    assert notes == ["E_FILE_GROWING KJ_20261120.DAT"]


def test_a_growing_file_alone_is_tried_again_later(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    sshd.put("KJ_20261120.DAT", b"not yet", modified=T0)

    with pytest.raises(TryAgain, match="E_FILE_GROWING"):
        pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")


def test_a_file_touched_after_its_done_file_gets_a_second_look(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    sshd.put("KJ_20261120.DAT", b"still", modified=T0 + 60)
    sshd.put("KJ_20261120.END", b"", modified=T0)

    deliveries, _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    assert [delivery.path.read_bytes() for delivery in deliveries] == [b"still"]


#: A name that is not ours to take, and how it gets there.
HOSTILE = {
    "line break": lambda out: (out / "KJ_20261101\n.DAT").write_bytes(b"x"),
    "terminal code": lambda out: (out / "KJ_20261102\x1b[2J.DAT").write_bytes(b"x"),
    "right to left": lambda out: (out / "KJ_20261103\u202e.DAT").write_bytes(b"x"),
    "CP932 bytes": lambda out: Path(os.fsdecode(os.fsencode(out) + "/KJ_税.DAT".encode("cp932"))).write_bytes(
        b"x"
    ),
    "link": lambda out: (out / "KJ_20261105.DAT").symlink_to("/etc/passwd"),
    "folder": lambda out: (out / "KJ_20261106.DAT").mkdir(),
    "pipe": lambda out: os.mkfifo(out / "KJ_20261107.DAT"),
}


def test_hostile_names_are_noted_and_left(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    for make in HOSTILE.values():
        make(sshd.out)
    harmless = (
        "KJ_..DAT",
        "KJ_20261120 ．．／.DAT",
        "KJ_%s{0}$(id).DAT",
        f"KJ_{'x' * 248}.DAT",
        "kj_20261120.DAT",
    )
    for name in harmless:
        sshd.put(name, name.encode(), modified=T0)

    deliveries, notes = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work", done="")

    assert sorted(delivery.name for delivery in deliveries) == sorted(harmless[:4])
    assert {delivery.path.parent for delivery in deliveries} == {tmp_path / "work"}
    assert left_in(tmp_path / "work") == sorted(delivery.sha256 for delivery in deliveries)
    assert len(notes) == len(HOSTILE)
    assert all(note.isascii() and note.isprintable() for note in notes)


def test_a_large_file_is_read_to_its_end(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    data = os.urandom(9_000_001)
    sshd.put("KJ_20261120.DAT", data, modified=T0)
    sshd.put("KJ_20261120.END", b"", modified=T0)

    (delivery,), _ = pull_files(sftp, sshd.connection, sshd.out, tmp_path / "work")

    assert delivery.path.read_bytes() == data


def test_a_connection_test_signs_in_and_names_no_secret(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    found = sftp.connect(sshd.connection, workdir=tmp_path).test()

    assert found["cipher"] == "aes128-gcm@openssh.com"
    assert found["host_key"].startswith("SHA256:")


def test_a_base_stands_before_every_path(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    sshd.put("KJ_20261120.DAT", b"x", modified=T0)
    sshd.put("KJ_20261120.END", b"", modified=T0)
    below = sshd.at(sshd.port, base=str(sshd.out.parent))

    (delivery,), _ = pull_files(sftp, below, Path("/out"), tmp_path / "work")

    assert delivery.name == "KJ_20261120.DAT"


def test_a_missing_folder_is_named(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(FixDeclaration, match="E_SOURCE_OBJECT"):
        pull_files(sftp, sshd.connection, sshd.out / "nowhere", tmp_path / "work")


def test_a_folder_with_a_pattern_is_a_wrong_declaration(sftp: ModuleType, sshd: Sshd, tmp_path: Path) -> None:
    feed = feed_of("sftp", **{**SFTP, "path": "/o*/KJ.DAT"})

    with pytest.raises(FixDeclaration, match="E_DECLARATION"):
        list(sftp.connect(sshd.connection, workdir=tmp_path).pull(feed, None))


def test_a_server_that_does_not_answer_is_tried_again_later(
    sftp: ModuleType, sshd: Sshd, tmp_path: Path
) -> None:
    with pytest.raises(TryAgain, match="E_LINK_DOWN"):
        pull_files(sftp, sshd.at(free_port()), sshd.out, tmp_path / "work")


def test_a_full_disk_stops_and_leaves_nothing_half(sftp: ModuleType, sshd: Sshd, full_disk: Path) -> None:
    sshd.put("KJ_20261120.DAT", os.urandom(400_000), modified=T0)
    sshd.put("KJ_20261120.END", b"", modified=T0)

    with pytest.raises(Stop, match="E_DISK"):
        pull_files(sftp, sshd.connection, sshd.out, full_disk)

    assert left_in(full_disk) == []
