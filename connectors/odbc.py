"""ODBC: one table or view of a PostgreSQL database, read whole, in one snapshot, and proved.

Connection settings: ``host port database user``, ``password`` (a reference, ``file:/path`` or ``env:NAME``),
and if wanted ``driver`` (a name of odbcinst.ini or a path), ``sslmode`` (``verify-full`` unless the host is
this machine) and ``retry_seconds`` (how long a passing fault is tried again, 20 unless said, 25 at most).
Feed settings: ``table`` (``schema.name``), ``key`` (columns that order the rows), and if wanted ``deadline``
(``30m``), ``lock_wait`` (``5s``) and ``text_bytes`` (the longest text of a column without a length).

What a pull promises:

- rows, row count and checksum come from one repeatable-read, read-only snapshot on one connection;
- the checksum binds every value to its row; a row that is missing, cut or altered on the way is refused;
- the delivery is an Arrow file of text columns, the same bytes whenever the rows are the same;
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
from renkei.model import Checkpoint, Connection, Delivery, Feed
from renkei.part import held, publish
from renkei.secrets import secret

#: The program that does the reading, beside this file.
CHILD = Path(__file__).with_name("odbc_child.py")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_SSL = ("disable", "require", "verify-ca", "verify-full")


def connect(connection: Connection, *, workdir: Path) -> "OdbcConnector":
    """A connector for one database; nothing is contacted yet."""
    return OdbcConnector(connection, workdir)


class OdbcConnector:
    """Reads tables of one database into files below ``workdir``."""

    replayable = True
    ordered = True
    idempotent = False

    def __init__(self, connection: Connection, workdir: Path) -> None:
        self.connection = connection
        self.notes: list[str] = []
        self._workdir = workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:  # noqa: ARG002 - the protocol's
        """One delivery: the table as it is now. The same rows give the same file, byte for byte.

        ``since`` narrows nothing: every pull reads all rows, and the engine finds what changed.

        TryAgain: E_LINK_DOWN, E_PULL_LOST, E_PULL_DEADLINE, E_SOURCE_BUSY. Stop: E_AUTH, E_PULL_SHORT,
        E_PULL_CHECKSUM, E_DISK. FixDeclaration: E_SOURCE_OBJECT, E_SECRET, E_DECLARATION.
        """
        part = self._workdir / f"{feed.id}.part"
        order = {**self._order(feed.id), **_wishes(feed), "verb": "pull", "part": str(part)}
        with held(part, feed=feed.id):
            part.unlink(missing_ok=True)
            try:
                answer = self._patiently(order)
                failpoint("part.fsynced")
                path = publish(part, name=f"{answer['sha256']}.arrow")
            finally:
                part.unlink(missing_ok=True)
        yield Delivery(
            feed=feed.id, name=order["table"], path=path, bytes=answer["bytes"], sha256=answer["sha256"],
            records=answer["records"], position={"snapshot": answer["snapshot"]},
        )  # fmt: skip

    def test(self) -> Mapping[str, str]:
        """Sign in once, read-only, and prove that the driver returns difficult characters unchanged."""
        answer = self._in_child({**self._order(self.connection.name), "verb": "test"}, seconds=30)
        return {name: str(value) for name, value in answer.items()}

    def _order(self, feed: str) -> dict[str, Any]:
        return {
            "feed": feed,
            "connection": self.connection.name,
            "odbc": _odbc_settings(self.connection),
            "password": secret(self.connection, "password"),
            "deadline": 60.0,
            "lock_wait": 5.0,
        }

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
            [sys.executable, "-P", str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
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


def _odbc_settings(connection: Connection) -> dict[str, str]:
    """Settings with their defaults; all that is wrong with them is said at once."""
    given, name = connection.settings, connection.name
    default = "disable" if given.get("host") in _LOCAL else "verify-full"
    settings = {
        "driver": given.get("driver", "PostgreSQL Unicode"),
        "host": given.get("host", ""),
        "port": given.get("port", "5432"),
        "database": given.get("database", ""),
        "user": given.get("user", ""),
        "sslmode": given.get("sslmode", default),
    }
    problems = [f"{name}: setting {key} is missing" for key, value in settings.items() if not value]
    odd = [key for key, value in settings.items() if set(value) & set(";{}")]
    problems += [f"{name}: setting {key} holds one of ; {{ }}" for key in odd]
    if settings["sslmode"] not in _SSL:
        problems.append(f"{name}: sslmode is not one of {', '.join(_SSL)}")
    if problems:
        raise FixDeclaration("E_DECLARATION", problems="; ".join(problems))
    return settings


def _wishes(feed: Feed) -> dict[str, Any]:
    settings = feed.settings
    key = settings.get("key", ())
    wishes = {
        "table": settings.get("table"),
        "key": [key] if isinstance(key, str) else list(key),
        "deadline": _seconds(settings.get("deadline", "30m")),
        "lock_wait": _seconds(settings.get("lock_wait", "5s")),
        "text_bytes": int(settings.get("text_bytes", 32_768)),
    }
    if not wishes["table"] or not wishes["key"]:
        problem = f"{feed.id}: settings of an odbc feed need table and key"
        raise FixDeclaration("E_DECLARATION", problems=problem)
    return wishes


def _seconds(value: float | str) -> float:
    """``90``, ``"90s"``, ``"30m"`` or ``"2h"``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value))
    if match is None:
        raise FixDeclaration("E_DECLARATION", problems=f"{value!r} is no duration such as 90s, 30m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _environment() -> dict[str, str]:
    """The child finds the hub's own modules, and libpq speaks English, so that faults can be told apart."""
    source = str(Path(errors.__file__).parents[1])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
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
