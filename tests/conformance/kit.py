"""What every connector owes the hub, whatever its transport.

A connector is found by its file in ``connectors/``; ``tests/conformance/subjects/<connector>.py`` offers it
to the kit as a fixture ``<connector>_subject`` with a feed that has something new to take. What a transport
has not (a network, a push) its subject leaves out, and the checks on it do not apply.
"""

import ast
import hashlib
import json
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest
from tests.faults.proxy import Fault, FaultProxy

from renkei.errors import RenkeiError, Stop, TryAgain
from renkei.model import Checkpoint, Connection, Delivery, Feed, Outgoing

#: What of the hub a connector may know.
ALLOWED = {"model", "errors", "failpoint", "formats", "secrets", "part", "arrival"}

#: Into how many pieces a session is cut, one cut a trial.
CUTS = 8
#: Seconds in which a link that went silent must be given up.
PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One connector, reachable and unreachable, and a feed with at least one delivery.

    ``at`` is the same system behind another port, ``port`` its own. ``change`` makes something new in the
    source, ``truth`` says what the source holds (key → content), ``held`` what deliveries leave behind.
    ``outgoing`` makes the n-th push, each under a key of its own; ``effects`` counts what the target has seen.
    """

    module: ModuleType
    connection: Connection
    unreachable: Connection
    feed: Feed
    workdir: Path
    secrets: tuple[str, ...]
    port: int | None = None
    at: Callable[[int], Connection] | None = None
    change: Callable[[], None] | None = None
    truth: Callable[[], dict[str, str]] | None = None
    held: Callable[[Sequence[Delivery]], dict[str, str]] | None = None
    push_feed: Feed | None = None
    outgoing: Callable[[int], Outgoing] | None = None
    effects: Callable[[], int] | None = None

    def pull(
        self, connection: Connection | None = None, *, since: Checkpoint | None = None
    ) -> list[Delivery]:
        """Every delivery since a checkpoint, or since the beginning; each kept, as the landing zone keeps it."""
        connector = self.module.connect(connection or self.connection, workdir=self.workdir)
        return [self._kept(delivery) for delivery in connector.pull(self.feed, since)]

    def _kept(self, delivery: Delivery) -> Delivery:
        shelf = self.workdir.parent / "landed"
        shelf.mkdir(parents=True, exist_ok=True)
        copy = shelf / delivery.sha256
        shutil.copy(delivery.path, copy)
        return replace(delivery, path=copy)

    def elsewhere(self, name: str) -> "Subject":
        """The same with a work folder of its own: another machine, or one that lost its disk."""
        return replace(self, workdir=self.workdir.parent / name / "work")


def assert_conforms(subject: Subject) -> None:
    """Run every check."""
    for check in CHECKS:
        check(subject)


# what it says of itself ---------------------------------------------------------------------------


def states_its_triple(subject: Subject) -> None:
    """Replayable, ordered and idempotent are said, not guessed."""
    connector = subject.module.connect(subject.connection, workdir=subject.workdir)
    assert {type(getattr(connector, name)) for name in ("replayable", "ordered", "idempotent")} == {bool}


def imports_stay_inside_the_fence(subject: Subject) -> None:
    """Only the hub's nouns, and never another connector."""
    source = Path(str(subject.module.__file__))
    others = {place.stem for place in source.parent.glob("*.py")} - {source.stem}
    for place in parts_of(source):
        for name in imported_by(place):
            parts = name.split(".")
            assert parts[0] != "renkei" or parts[1] in ALLOWED, f"{place.name} imports {name}"
            assert parts[0] not in others, f"{place.name} imports {name}"


def parts_of(source: Path) -> set[Path]:
    """The connector's file and every part that it reaches: by import, and the program that it starts."""
    shelf = source.parent / "parts"
    known = {place.stem: place for place in shelf.glob("*.py")}
    found, ahead = {source}, [source]
    while ahead:
        told = imported_by(ahead.pop())
        new = {known[name] for name in told & known.keys()} - found
        found |= new
        ahead += new
    return found | set((shelf / f"{source.stem}_child").rglob("*.py"))


# pulling ------------------------------------------------------------------------------------------


def connecting_contacts_nothing(subject: Subject) -> None:
    """Making a connector for a dead system is no error; using it is, and it passes."""
    connector = subject.module.connect(subject.unreachable, workdir=subject.workdir)
    with pytest.raises(TryAgain):
        list(connector.pull(subject.feed, None))
    assert unfinished(subject.workdir) == []


def deliveries_are_whole_and_proved(subject: Subject) -> None:
    """Bytes and hash are those of the file, and the file is in the work folder under a name of ours."""
    connector = subject.module.connect(subject.connection, workdir=subject.workdir)
    for delivery in connector.pull(subject.feed, None):
        data = delivery.path.read_bytes()
        assert (delivery.bytes, delivery.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert delivery.path.parent == subject.workdir
        assert delivery.path.stem == delivery.sha256
        assert delivery.feed == subject.feed.id
    assert unfinished(subject.workdir) == []


def a_replay_gives_the_same_bytes(subject: Subject) -> None:
    """What ``replayable`` promises."""
    first, again = subject.pull(), subject.pull()
    assert first
    assert [delivery.sha256 for delivery in again] == [delivery.sha256 for delivery in first]


def positions_are_plain_json(subject: Subject) -> None:
    """A checkpoint survives being stored."""
    for delivery in subject.pull():
        assert json.loads(json.dumps(delivery.position)) == delivery.position


def nothing_is_lost_or_doubled_from_any_checkpoint(subject: Subject) -> None:
    """From each place reached, the rest of the way leads to what the source holds.

    A place that the source no longer has is told as lost, never answered with a part.
    """
    if subject.change is None or subject.truth is None or subject.held is None:
        return
    taken = subject.pull()
    assert subject.held(taken) == subject.truth()
    subject.change()
    for number in range(len(taken)):
        try:
            rest = subject.pull(since=_after(taken[number]))
        except Stop as lost:
            if lost.code != "E_POSITION_LOST" or number == len(taken) - 1:
                raise
            continue
        assert subject.held([*taken[: number + 1], *rest]) == subject.truth()


def a_lost_work_folder_loses_nothing(subject: Subject) -> None:
    """What a connector keeps beside the checkpoint is a convenience: without it the way is only longer."""
    if subject.change is None or subject.truth is None or subject.held is None:
        return
    taken = subject.pull()
    subject.change()
    rest = subject.elsewhere("another").pull(since=_after(taken[-1]))
    assert subject.held([*taken, *rest]) == subject.truth()


def _after(delivery: Delivery) -> Checkpoint:
    """The place reached as the hub keeps it: what was seen of files is told by the hub's own rows."""
    position = json.loads(json.dumps(delivery.position))
    if delivery.remote_modified is None:
        assert "seen" not in position
        position["seen"] = {}
    return Checkpoint(feed=delivery.feed, position=position)


def a_cut_at_any_byte_loses_nothing(subject: Subject) -> None:
    """A session of the real length, cut in both directions at places all along it; then it is done again."""
    if subject.port is None or subject.at is None or subject.truth is None or subject.held is None:
        return
    for number, fault in enumerate(_cuts(subject, lambda connection, trial: trial.pull(connection))):
        trial = subject.elsewhere(f"cut{number}")
        with FaultProxy(subject.port, faults=[fault]) as proxy, _may_be_lost():
            trial.pull(subject.at(proxy.port))
        assert subject.held(trial.pull()) == subject.truth(), fault


def _cuts(subject: Subject, use: Callable[[Connection, Subject], object]) -> Iterator[Fault]:
    """Faults all along one session, of which the length is measured first."""
    assert subject.port is not None
    assert subject.at is not None
    with FaultProxy(subject.port) as proxy:
        use(subject.at(proxy.port), subject.elsewhere("measured"))
        passed = dict(proxy.passed)
    for number in range(CUTS):
        action = "reset" if number % 2 else "cut"
        yield Fault(direction="down", after=passed["down"] * number // CUTS, action=action)
    for number in range(2):
        yield Fault(direction="up", after=passed["up"] * (2 * number + 1) // 4, action="cut")


@contextmanager
def _may_be_lost() -> Iterator[None]:
    """A cut may be a fault that passes, and nothing else."""
    with suppress(TryAgain):
        yield


def a_link_that_went_silent_is_given_up(subject: Subject) -> None:
    """A black hole keeps its sockets open; the deadline ends the wait, and the next pull is whole."""
    if subject.port is None or subject.at is None:
        return
    with FaultProxy(subject.port) as proxy:
        subject.elsewhere("measured").pull(subject.at(proxy.port))
        half = proxy.passed["down"] // 2
    fault, began = Fault(direction="down", after=half, action="black_hole"), time.monotonic()
    with FaultProxy(subject.port, faults=[fault]) as proxy, pytest.raises(TryAgain):
        subject.elsewhere("silent").pull(subject.at(proxy.port))
    assert time.monotonic() - began < PATIENCE


# pushing ------------------------------------------------------------------------------------------


def a_push_lands_once_however_often_it_is_sent(subject: Subject) -> None:
    """The second one under a key says so; what stands there is read back on a new connection."""
    if subject.push_feed is None or subject.outgoing is None or subject.effects is None:
        return
    connector = subject.module.connect(subject.connection, workdir=subject.workdir)
    outgoing, before = subject.outgoing(0), subject.effects()
    assert not connector.read_back(subject.push_feed, outgoing).landed
    first = connector.push(subject.push_feed, outgoing)
    once = subject.effects()
    again = subject.module.connect(subject.connection, workdir=subject.workdir)
    second = again.push(subject.push_feed, outgoing)
    assert first.effect == "applied"
    assert once > before
    assert second.effect in {"already", "unchanged"}
    assert subject.effects() == once
    assert again.read_back(subject.push_feed, outgoing).landed


def a_push_that_was_cut_lands_once_when_it_is_sent_again(subject: Subject) -> None:
    """Cut before, during and after the target's commit: unknown is not failure, and nothing is doubled."""
    if subject.outgoing is None or subject.port is None or subject.at is None:
        return
    assert subject.push_feed is not None
    assert subject.effects is not None
    alone = _effects_of(subject, 1)
    measured = subject.outgoing(2)
    cuts = _cuts(subject, lambda connection, trial: _push(trial, connection, measured))
    for number, fault in enumerate(cuts, 3):
        outgoing, before = subject.outgoing(number), subject.effects()
        with FaultProxy(subject.port, faults=[fault]) as proxy, _may_be_lost():
            _push(subject, subject.at(proxy.port), outgoing)
        _push(subject, subject.connection, outgoing)
        connector = subject.module.connect(subject.connection, workdir=subject.workdir)
        assert connector.read_back(subject.push_feed, outgoing).landed, fault
        assert subject.effects() - before == alone, fault


def _effects_of(subject: Subject, number: int) -> int:
    """How many effects one push has when nothing is in its way."""
    assert subject.outgoing is not None
    assert subject.effects is not None
    before = subject.effects()
    _push(subject, subject.connection, subject.outgoing(number))
    return subject.effects() - before


def _push(subject: Subject, connection: Connection, outgoing: Outgoing) -> None:
    assert subject.push_feed is not None
    connector = subject.module.connect(connection, workdir=subject.workdir)
    receipt = connector.push(subject.push_feed, outgoing)
    assert receipt.effect in {"applied", "already", "unchanged", "unknown"}


# secrets ------------------------------------------------------------------------------------------


def testing_tells_no_secret(subject: Subject) -> None:
    """``test()`` answers with texts, and none of them is a secret."""
    connector = subject.module.connect(subject.connection, workdir=subject.workdir)
    found = connector.test()
    assert found
    assert not any(secret in text for secret in subject.secrets for text in found.values())


def no_secret_is_ever_said(subject: Subject) -> None:
    """Not in a log of any level, an error, a note or a representation, whether it goes well or not."""
    said: list[str] = []
    with _listening(said):
        for connection in (subject.connection, subject.unreachable):
            connector = subject.module.connect(connection, workdir=subject.workdir)
            try:
                said += [repr(delivery) for delivery in connector.pull(subject.feed, None)]
            except RenkeiError as error:
                said += [repr(error), str(error), error.text("ja"), repr(error.facts), repr(error.__cause__)]
            said += [repr(connector), repr(connection), *map(str, getattr(connector, "notes", ()))]
    assert not any(secret in text for secret in subject.secrets for text in said)


@contextmanager
def _listening(said: list[str]) -> Iterator[None]:
    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(self.format(record))

    root, ear = logging.getLogger(), Ear(level=logging.DEBUG)
    level = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(ear)


CHECKS: tuple[Callable[[Subject], None], ...] = (
    states_its_triple,
    imports_stay_inside_the_fence,
    connecting_contacts_nothing,
    deliveries_are_whole_and_proved,
    a_replay_gives_the_same_bytes,
    positions_are_plain_json,
    nothing_is_lost_or_doubled_from_any_checkpoint,
    a_lost_work_folder_loses_nothing,
    a_cut_at_any_byte_loses_nothing,
    a_link_that_went_silent_is_given_up,
    a_push_lands_once_however_often_it_is_sent,
    a_push_that_was_cut_lands_once_when_it_is_sent_again,
    testing_tells_no_secret,
    no_secret_is_ever_said,
)


def unfinished(workdir: Path) -> list[str]:
    """Files that only a pull under way may have."""
    kinds = {".part", ".json", ".new"}
    return sorted(place.name for place in workdir.glob("*") if place.suffix in kinds)


def imported_by(place: Path) -> set[str]:
    """Every module that a file imports, ``renkei`` ones with their submodule, its own parts by their name."""
    found = set()
    for node in ast.walk(ast.parse(place.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = (
                (node.module or "").removeprefix("parts").lstrip(".") if node.level else node.module or ""
            )
            bare = module in {"", "renkei"}
            prefix = "renkei." if module == "renkei" else ""
            found |= {f"{prefix}{alias.name}" for alias in node.names} if bare else {module}
    return found - set(sys.stdlib_module_names)
