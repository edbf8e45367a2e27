"""ODBC: tables of a database, read in one snapshot and proved; rows written once, and read back.

Connection settings: ``host port database user``, ``password`` (a reference, ``file:/path`` or ``env:NAME``),
and if wanted ``driver`` (a name of odbcinst.ini or a path), ``dialect`` (``postgresql`` unless the driver's
name says another: ``mariadb``, ``sqlite``, and unverified ``sqlserver``, ``oracle``, ``db2``), ``sslmode``
(``verify-full`` unless the host is this machine), ``unverified`` (``yes``) and ``retry_seconds`` (how long a
passing fault is tried again, 20 unless said, 25 at most). SQLite needs ``driver`` and ``database`` only.

Feed settings of a pull: ``table`` (``schema.name``), ``key`` (columns that order the rows), and if wanted
``deadline`` (``30m``), ``lock_wait`` (``5s``), ``text_bytes`` (the longest value of a column without a
length), ``chunk`` (rows that are read and proved together), ``sessions`` (how many read a long table at
once where they can share a snapshot, 3 unless said).
A feed that delivers a delta also has ``changed_at`` (a column), and if wanted ``overlap`` (``10m``) and
``sweep`` (``20h``: how old the last comparison of all keys and hashes may be).

What a pull promises:

- rows, row count and hashes come from one repeatable-read, read-only snapshot on one connection;
- the hashes bind every value to its row; a row that is missing, cut or altered on the way is refused;
- the delivery is an Arrow file of text columns, the same bytes whenever the rows are the same;
- after a cut only those chunks are fetched again of which the source now says another hash;
- a delta finds late commits within the overlap at once, and beyond it, with deletes, at the next sweep;
- a server that has not come as far as the one that was read before is refused;
- the read runs in a process of its own, which is killed at the deadline whatever its driver waits for, and
  may crash (psqlODBC 13.02 does when a link breaks between two fetches) without harm to the hub;
- a login that the server refuses is never tried a second time; reaching the server is.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tenacity

from renkei import errors
from renkei.errors import FixDeclaration, TryAgain
from renkei.failpoint import failpoint
from renkei.model import Checkpoint, Connection, Delivery, Feed, Outgoing, ReadBack, Receipt
from renkei.part import held, publish
from renkei.secrets import secret

from .parts import odbc_push

#: Where the program that holds the driver is: the package ``odbc_child``.
PARTS = Path(__file__).parent / "parts"
#: How many lists of known rows stay beside the one that the hub's position names.
_KNOWN = 2


def connect(connection: Connection, *, workdir: Path) -> "OdbcConnector":
    """A connector for one database; nothing is contacted yet."""
    return OdbcConnector(connection, workdir)


class OdbcConnector:
    """Reads and writes tables of one database; files are below ``workdir``."""

    replayable = True
    ordered = True
    idempotent = True

    def __init__(self, connection: Connection, workdir: Path) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self._workdir = workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """The table as it is now, or what became of it since; none when a delta has nothing new.

        Reading all again of the same rows gives the same file, byte for byte.

        TryAgain: E_LINK_DOWN, E_PULL_LOST, E_PULL_DEADLINE, E_SOURCE_BUSY. Stop: E_AUTH, E_PULL_SHORT,
        E_PULL_CHECKSUM, E_PULL_TOO_LONG, E_PULL_KEY, E_STALE_SOURCE, E_DISK. FixDeclaration:
        E_SOURCE_OBJECT, E_SECRET, E_DECLARATION.
        """
        part = self._workdir / f"{feed.id}.part"
        order = {
            **self._order(feed.id), **_wishes(feed), "verb": "pull", "part": str(part),
            "folder": str(self._workdir), "since": dict(since.position) if since else {},
            "epoch": since.epoch if since else 1,
        }  # fmt: skip
        with held(part, feed=feed.id):
            answer = self._read(order, part)
            if answer.get("sha256") is None:
                return
            path = publish(part, name=f"{answer['sha256']}.arrow")
            self._clear(feed.id, keep=(order["since"].get("known"), answer["position"].get("known")))
        yield Delivery(
            feed=feed.id, name=order["table"], path=path, bytes=answer["bytes"], sha256=answer["sha256"],
            records=answer["rows"], position=answer["position"], is_whole=answer.get("is_whole"),
        )  # fmt: skip

    def push(self, feed: Feed, outgoing: Outgoing) -> Receipt:
        """Upsert rows by key, once a push key; what is no longer as it was seen is left alone."""
        receipt: Receipt = odbc_push.push(
            feed, outgoing, order=self._order(feed.id), workdir=self._workdir, run=self._in_child
        )
        return receipt

    def read_back(self, feed: Feed, outgoing: Outgoing) -> ReadBack:
        """On a new connection, what stands where a push wrote."""
        found: ReadBack = odbc_push.read_back(
            feed, outgoing, order=self._order(feed.id), workdir=self._workdir, run=self._in_child
        )
        return found

    def test(self) -> Mapping[str, str]:
        """Sign in once, read-only, and prove that the driver returns difficult characters unchanged."""
        answer = self._in_child({**self._order(self.connection.name), "verb": "test"}, seconds=30)
        return {name: str(value) for name, value in answer.items()}

    def probe(self) -> Mapping[str, str]:
        """What driver and server do to what a city stores, a verdict for each check. Nothing stays there."""
        return self._in_child({**self._order(self.connection.name), "verb": "probe"}, seconds=180)

    def _order(self, feed: str) -> dict[str, Any]:
        settings = dict(self.connection.settings)
        has_login = "host" in settings or "password" in settings
        return {
            "feed": feed,
            "connection": self.connection.name,
            "settings": {name: value for name, value in settings.items() if name != "password"},
            "password": secret(self.connection, "password") if has_login else None,
            "deadline": 60.0,
            "lock_wait": 5.0,
        }

    def _read(self, order: Mapping[str, Any], part: Path) -> dict[str, Any]:
        """What was read so far stays for the next attempt, unless it was refused."""
        try:
            answer = self._patiently(order)
        except TryAgain:
            part.unlink(missing_ok=True)
            raise
        except errors.RenkeiError:
            part.unlink(missing_ok=True)
            self._clear(order["feed"], keep=(order["since"].get("known"),))
            raise
        failpoint("part.fsynced")
        return answer

    def _clear(self, feed: str, *, keep: tuple[str | None, ...]) -> None:
        """Chunks are done with; of the lists of known rows the newest stay, and those that are named."""
        for leaving in (*self._workdir.glob(f"{feed}.*.chunk"), *self._workdir.glob(f"{feed}.chunks*")):
            leaving.unlink(missing_ok=True)
        lists = [
            place for place in self._workdir.glob(f"{feed}.*.known") if place.suffixes[-2][1:] not in keep
        ]
        for leaving in sorted(lists, key=lambda place: place.stat().st_mtime)[:-_KNOWN]:
            leaving.unlink(missing_ok=True)

    def _patiently(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Try again what passes within seconds, all of it inside the one deadline."""
        end = time.monotonic() + order["deadline"]
        patience = min(_seconds(self.connection.settings.get("retry_seconds", "20")), 25)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_passing),
            wait=tenacity.wait_random_exponential(multiplier=0.3, max=4),
            stop=tenacity.stop_after_delay(patience),
            reraise=True,
        )
        return retrying(lambda: self._in_child(order, seconds=max(0.1, end - time.monotonic())))

    def _in_child(self, order: Mapping[str, Any], *, seconds: float) -> dict[str, Any]:
        """Run the order in a process group of its own, and kill all of it when its time is up."""
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "odbc_child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True, env=_environment(),
        )  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            # the pipe stays open: its end tells the child that we are gone
            child.stdin.write(json.dumps(order).encode() + b"\n")
            child.stdin.flush()
            child.wait(timeout=seconds)
            return _answer(child.stdout.read(), order)
        except subprocess.TimeoutExpired:
            raise TryAgain("E_PULL_DEADLINE", feed=order["feed"], seconds=order["deadline"]) from None
        except BrokenPipeError:
            raise _lost(order) from None
        finally:
            _end(child)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, TryAgain) and error.code in {"E_LINK_DOWN", "E_PULL_LOST", "E_SOURCE_BUSY"}


def _wishes(feed: Feed) -> dict[str, Any]:
    settings = feed.settings
    wishes = {
        "table": settings.get("table"),
        "key": _names(settings.get("key", ())),
        "deadline": _seconds(settings.get("deadline", "30m")),
        "lock_wait": _seconds(settings.get("lock_wait", "5s")),
        "text_bytes": int(settings.get("text_bytes", 32_768)),
        "chunk": max(1, int(settings.get("chunk", 20_000))),
        "sessions": int(settings.get("sessions", 3)),
        "delta": _delta(feed) if feed.delivers == "delta" else None,
    }
    if not wishes["table"] or not wishes["key"]:
        problem = f"{feed.id}: settings of an odbc feed need table and key"
        raise FixDeclaration("E_DECLARATION", problems=problem)
    return wishes


def _delta(feed: Feed) -> dict[str, Any]:
    settings = feed.settings
    if not settings.get("changed_at"):
        problem = f"{feed.id}: settings of an odbc feed that delivers a delta need changed_at"
        raise FixDeclaration("E_DECLARATION", problems=problem)
    return {
        "changed_at": settings["changed_at"],
        "overlap": _seconds(settings.get("overlap", "10m")),
        "sweep": _seconds(settings.get("sweep", "20h")),
    }


def _names(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _seconds(value: float | str) -> float:
    """``90``, ``"90s"``, ``"30m"`` or ``"2h"``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value))
    if match is None:
        raise FixDeclaration("E_DECLARATION", problems=f"{value!r} is no duration such as 90s, 30m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _environment() -> dict[str, str]:
    """The child finds the hub's own modules, and libpq speaks English, so that faults can be told apart."""
    source = str(Path(errors.__file__).parents[1])
    path = os.pathsep.join(filter(None, (source, str(PARTS), os.environ.get("PYTHONPATH"))))
    kept = {name: value for name, value in os.environ.items() if name in _PASSED or name.startswith("ODBC")}
    return {**kept, "PYTHONPATH": path, "LC_ALL": "C.UTF-8"}


#: What the driver may know of our environment; addresses and secrets of the hub are not in it.
_PASSED = frozenset({"PATH", "HOME", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "RENKEI_FAILPOINTS"})


def _answer(line: bytes, order: Mapping[str, Any]) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise _lost(order)
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["code"], **answer["facts"])
    return answer


def _lost(order: Mapping[str, Any]) -> TryAgain:
    part = Path(order.get("part", os.devnull))
    size = part.stat().st_size if part.exists() else 0
    return TryAgain("E_PULL_LOST", feed=order["feed"], bytes=size)


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
