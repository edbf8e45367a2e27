"""A mounted share: the same promises as over SFTP, and an unmounted one is no empty one."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.integration.connectors.peers import CONNECTORS, feed_of, without
from tests.integration.connectors.reading import left_in

from renkei import failpoint as failpoints
from renkei.errors import FixDeclaration, Stop, TryAgain
from renkei.model import Checkpoint, Connection, Delivery
from renkei.project import load_connector

T0 = 1_795_143_600
NAME = "KJ_20261120.DAT"


@pytest.fixture
def folder() -> ModuleType:
    return load_connector(CONNECTORS, "folder")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    place = tmp_path / "share" / "out"
    place.mkdir(parents=True)
    (place.parent / ".mounted").touch()
    return place


def share(out: Path, **settings: str) -> Connection:
    return Connection(name="peer", settings={"root": str(out.parent), "marker": ".mounted", **settings})


def pull(
    module: ModuleType, out: Path, work: Path, *, since: Checkpoint | None = None, **settings: Any
) -> tuple[list[Delivery], list[str]]:
    feed = feed_of("folder", **{"path": "/out/KJ_*.DAT", "done": ".END", "settle": "0.3s", **settings})
    connector = module.connect(share(out), workdir=work)
    return list(connector.pull(feed, since)), connector.notes


def offer(out: Path, data: bytes, name: str = NAME, *, modified: int = T0) -> None:
    for place, content in ((out / name, data), ((out / name).with_suffix(".END"), b"")):
        place.write_bytes(content)
        os.utime(place, (modified, modified))


def test_files_come_oldest_first_and_once(folder: ModuleType, out: Path, tmp_path: Path) -> None:
    for day in ("20261120", "20261118", "20261119"):
        offer(out, day.encode(), f"KJ_{day}.DAT")

    first, _ = pull(folder, out, tmp_path / "work")
    position = Checkpoint(feed=first[-1].feed, position=first[-1].position)
    again, notes = pull(folder, out, tmp_path / "work", since=position)

    assert [delivery.path.read_bytes() for delivery in first] == [b"20261118", b"20261119", b"20261120"]
    assert first[0].remote_modified is not None
    assert (again, notes) == ([], [])


def test_a_growing_file_is_left(folder: ModuleType, out: Path, tmp_path: Path) -> None:
    (out / NAME).write_bytes(b"x")

    with _meanwhile(lambda over: _write_slowly(out, over)), pytest.raises(TryAgain, match="E_FILE_GROWING"):
        pull(folder, out, tmp_path / "work", done="")


def _write_slowly(out: Path, over: threading.Event) -> None:
    with (out / NAME).open("ab", buffering=0) as file:
        while not over.wait(0.02):
            file.write(b"x" * 1000)


# an unmounted share -------------------------------------------------------------------------------


def test_an_unmounted_share_is_no_empty_one(folder: ModuleType, out: Path, tmp_path: Path) -> None:
    offer(out, b"x")
    out.parent.rename(tmp_path / "gone")
    (out.parent / "out").mkdir(parents=True)  # the empty mount point that is left

    with pytest.raises(TryAgain, match="E_FOLDER_AWAY") as away:
        pull(folder, out, tmp_path / "work")

    assert away.value.facts["reason"] == "marker"


def test_twin_without_a_look_at_the_marker_finds_nothing_new(out: Path, tmp_path: Path) -> None:
    (out.parent / ".mounted").unlink()
    twin = without(tmp_path, "folder.py", ('            return "marker"\n', "            pass\n"))

    assert pull(twin, out, tmp_path / "work") == ([], [])


def test_a_root_that_is_missing_is_tried_again(folder: ModuleType, out: Path, tmp_path: Path) -> None:
    away = share(out, root=str(tmp_path / "nowhere"))

    with pytest.raises(TryAgain, match="E_FOLDER_AWAY"):
        list(folder.connect(away, workdir=tmp_path).pull(feed_of("folder", path="/out/KJ_*.DAT"), None))


def test_a_mount_point_shows_that_it_is_one(folder: ModuleType, tmp_path: Path) -> None:
    root = tmp_path / "mnt"
    root.mkdir()
    connection = Connection(name="peer", settings={"root": str(root), "mounted": "true"})
    with pytest.raises(TryAgain, match="E_FOLDER_AWAY"):
        folder.connect(connection, workdir=tmp_path).test()

    with _mounted(root):
        found = folder.connect(connection, workdir=tmp_path).test()

    assert found == {"file_system": "tmpfs", "guard": "mount point", "writable": "yes"}


def test_a_share_that_goes_away_while_it_is_read_stays_the_one_that_was_proved(
    folder: ModuleType, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(out, b"o" * 3_000_000)
    elsewhere = tmp_path / "elsewhere"

    def go_away(over: threading.Event) -> None:
        out.parent.rename(elsewhere)
        (out.parent / "out").mkdir(parents=True)

    with _while_reading(monkeypatch, tmp_path / "work", go_away):
        (delivery,), _ = pull(folder, out, tmp_path / "work")

    assert delivery.path.read_bytes() == b"o" * 3_000_000


@pytest.mark.parametrize("settings", [{}, {"root": ""}, {"marker": "", "mounted": "perhaps"}])
def test_what_shows_that_it_is_mounted_must_be_declared(
    folder: ModuleType, tmp_path: Path, settings: dict[str, str]
) -> None:
    connection = Connection(name="peer", settings={"root": str(tmp_path), **settings})
    if settings.get("marker") == "":
        connection = Connection(name="peer", settings={"root": str(tmp_path), "mounted": "perhaps"})

    with pytest.raises(FixDeclaration, match="E_DECLARATION"):
        folder.connect(connection, workdir=tmp_path).test()


# links, pipes and what lies outside ---------------------------------------------------------------


def test_no_link_is_followed_and_no_pipe_is_waited_for(folder: ModuleType, out: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not for us")
    (out / NAME).symlink_to(tmp_path / "secret")
    os.mkfifo(out / "KJ_20261121.DAT")
    (out / "KJ_20261122\n.DAT").write_bytes(b"x")
    (out / "KJ_20261123.DAT").write_bytes(b"ours")

    deliveries, notes = pull(folder, out, tmp_path / "work", done="")

    assert [delivery.path.read_bytes() for delivery in deliveries] == [b"ours"]
    assert len(notes) == 3
    assert left_in(tmp_path / "work") == [deliveries[0].sha256]


def test_a_file_that_became_a_link_or_a_pipe_counts_as_replaced(
    folder: ModuleType, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(b"x" * 10)
    for put in (lambda place: place.symlink_to(tmp_path / "secret"), os.mkfifo):
        offer(out, b"o" * 10)
        listed = folder._Root.listing

        def replaced(root: Any, path: str, listed: Any = listed, put: Any = put) -> Any:
            found = listed(root, path)
            (out / NAME).unlink()
            put(out / NAME)
            return found

        monkeypatch.setattr(folder._Root, "listing", replaced)
        with pytest.raises(TryAgain, match="E_FILE_REPLACED"):
            pull(folder, out, tmp_path / "work")
        monkeypatch.undo()
        (out / NAME).unlink()


def test_twin_that_follows_links_delivers_a_file_of_the_machine(out: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not for us")
    (out / NAME).symlink_to(tmp_path / "secret")
    twin = without(
        tmp_path,
        "folder.py",
        ("_seen(entry.name, entry.stat(follow_symlinks=False))", "_seen(entry.name, entry.stat())"),
        (
            "_seen(name, os.stat(name, dir_fd=place, follow_symlinks=False))",
            "_seen(name, os.stat(name, dir_fd=place))",
        ),
        ("os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK", "os.O_RDONLY"),
    )

    (delivery,), _ = pull(twin, out, tmp_path / "work", done="")

    assert delivery.path.read_bytes() == b"not for us"


def test_a_folder_on_the_way_that_is_a_link_is_not_gone_through(
    folder: ModuleType, out: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (out.parent / "shortcut").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FixDeclaration, match="E_SOURCE_OBJECT"):
        pull(folder, out, tmp_path / "work", path="/shortcut/KJ_*.DAT")


@pytest.mark.parametrize("path", ["/../x/KJ_*.DAT", "/out/../../x/KJ_*.DAT"])
def test_nothing_leaves_the_root(folder: ModuleType, out: Path, tmp_path: Path, path: str) -> None:
    with pytest.raises(FixDeclaration, match="E_DECLARATION"):
        pull(folder, out, tmp_path / "work", path=path)


#: Pulls in a process of its own, and tells every path that is opened meanwhile.
WATCHED = """
import json, sys
sys.path[:0] = ['.']
from tests.integration.connectors.test_folder import *
out, work = map(Path, sys.argv[1:])
module, opened = load_connector(CONNECTORS, 'folder'), []
pull(module, out, work, done='', settle='0', path='/out/nothing')
sys.addaudithook(lambda event, told: opened.append(str(told[0])) if event == 'open' else None)
pull(module, out, work, done='', settle='0')
print(json.dumps(opened))
"""


def test_whatever_is_opened_is_a_plain_name_in_a_held_folder_or_in_the_work_folder(
    out: Path, tmp_path: Path
) -> None:
    names = ("KJ_..DAT", "KJ_20261120 ．．／.DAT", "KJ_%s{0}$(id).DAT", "KJ_ -rf.DAT")
    for number, name in enumerate(names):
        (out / name).write_bytes(bytes([number]))
    (out / "KJ_x.DAT").symlink_to("/etc/passwd")
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(out), str(tmp_path / "work")],
        check=True, cwd=CONNECTORS.parent, capture_output=True,
    )  # fmt: skip
    opened = json.loads(done.stdout)

    here = [name for name in opened if "/" not in name]
    elsewhere = [name for name in opened if "/" in name and not name.startswith(f"{tmp_path}/work")]
    assert set(here) - {"out"} == set(names)
    assert elsewhere == [str(out.parent)] * len(elsewhere)


# replaced while it is read ------------------------------------------------------------------------


def _rename_over(out: Path) -> None:
    (out / ".fresh").write_bytes(b"n" * 3_000_000)
    os.utime(out / ".fresh", (T0, T0))
    (out / ".fresh").rename(out / NAME)


def _write_over_and_set_the_clock_back(out: Path) -> None:
    with (out / NAME).open("r+b") as file:
        file.write(b"n" * 3_000_000)
    os.utime(out / NAME, (T0, T0))


@pytest.mark.parametrize("act", [_rename_over, _write_over_and_set_the_clock_back])
def test_a_file_replaced_while_it_is_read_is_thrown_away(
    folder: ModuleType,
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Path], None],
) -> None:
    offer(out, b"o" * 3_000_000)

    with (
        _while_reading(monkeypatch, tmp_path / "work", lambda over: act(out)),
        pytest.raises(TryAgain, match="E_FILE_REPLACED"),
    ):
        pull(folder, out, tmp_path / "work")


def test_twin_that_trusts_seconds_mixes_two_files(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(out, b"o" * 3_000_000)
    twin = without(tmp_path, "folder.py", ('mark=f"{found.st_mtime_ns} {found.st_ctime_ns}",', 'mark="",'))

    with _while_reading(monkeypatch, tmp_path / "work", lambda over: _write_over_and_set_the_clock_back(out)):
        (delivery,), _ = pull(twin, out, tmp_path / "work")

    assert set(delivery.path.read_bytes()) == set(b"on")


def test_a_full_disk_stops_and_leaves_nothing_half(folder: ModuleType, out: Path, full_disk: Path) -> None:
    offer(out, os.urandom(400_000))

    with pytest.raises(Stop, match="E_DISK"):
        pull(folder, out, full_disk)

    assert left_in(full_disk) == []


@pytest.mark.parametrize("place", ["pull.chunk", "part.written", "part.fsynced"])
def test_a_pull_killed_anywhere_is_whole_the_next_time(
    folder: ModuleType, out: Path, tmp_path: Path, place: str
) -> None:
    offer(out, bytes(range(256)) * 40_000)
    program = (
        "import sys; sys.path[:0] = ['.']\n"
        "from tests.integration.connectors.test_folder import *\n"
        "pull(load_connector(CONNECTORS, 'folder'), Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    died = subprocess.run(
        [sys.executable, "-c", program, str(out), str(tmp_path / "work")],
        check=False, cwd=CONNECTORS.parent, env={**os.environ, "RENKEI_FAILPOINTS": f"{place}=kill9"},
    )  # fmt: skip

    (delivery,), _ = pull(folder, out, tmp_path / "work")

    assert died.returncode == -9
    assert delivery.path.read_bytes() == bytes(range(256)) * 40_000
    assert left_in(tmp_path / "work") == [delivery.sha256]


# offering -----------------------------------------------------------------------------------------


def test_a_share_without_a_guarded_rename_gets_a_second_name_first(
    folder: ModuleType, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_RENAME_NOREPLACE", 1 << 30)  # a flag that no file system knows
    (out / "a").write_bytes(b"ours")
    (out / "b").write_bytes(b"theirs")
    root = folder._Root(share(out), "feed", lost="E_PUSH_LOST")

    with pytest.raises(FileExistsError):
        root.rename("/out/a", "/out/b")
    root.rename("/out/a", "/out/c")
    root.close()

    assert {place.name: place.read_bytes() for place in out.iterdir()} == {"b": b"theirs", "c": b"ours"}


def test_twin_with_a_plain_rename_goes_over_the_other_file(out: Path, tmp_path: Path) -> None:
    twin = without(
        tmp_path,
        "folder.py",
        (
            "_rename_beside(before, after, here=here, there=there)",
            "os.rename(before, after, src_dir_fd=here, dst_dir_fd=there)",
        ),
    )
    (out / "a").write_bytes(b"ours")
    (out / "b").write_bytes(b"theirs")
    root = twin._Root(share(out), "feed", lost="E_PUSH_LOST")

    root.rename("/out/a", "/out/b")
    root.close()

    assert (out / "b").read_bytes() == b"ours"


def test_a_full_share_refuses_a_push_and_shows_nothing(folder: ModuleType, tmp_path: Path) -> None:
    from renkei.model import Outgoing

    root = tmp_path / "small"
    root.mkdir()
    (tmp_path / "outgoing").write_bytes(os.urandom(600_000))
    outgoing = Outgoing(key="k", file=tmp_path / "outgoing", name=NAME)
    connection = Connection(name="peer", settings={"root": str(root), "mounted": "true"})
    with _mounted(root, size="256k"):
        with pytest.raises(Stop, match="E_PUSH_REFUSED"):
            folder.connect(connection, workdir=tmp_path).push(feed_of("folder", to="/"), outgoing)
        assert not (root / NAME).exists()


# the sender meanwhile -----------------------------------------------------------------------------


@contextmanager
def _meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=act, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(20)


@contextmanager
def _while_reading(
    monkeypatch: pytest.MonkeyPatch, work: Path, act: Callable[[threading.Event], None]
) -> Iterator[None]:
    """Act once the first block is here; the reader rests there for a moment."""
    failpoints._reached.clear()
    monkeypatch.setenv("RENKEI_FAILPOINTS", "pull.chunk=sleep:0.5")

    def wait_and_act(over: threading.Event) -> None:
        while not over.wait(0.005):
            if any(place.stat().st_size for place in work.glob("*.part")):
                act(over)
                return

    with _meanwhile(wait_and_act):
        yield


@contextmanager
def _mounted(root: Path, *, size: str = "1m") -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(root)], check=True)
    try:
        yield
    finally:
        time.sleep(0.05)
        subprocess.run(["umount", str(root)], check=True)
