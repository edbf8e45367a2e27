"""What every connector owes the hub, whatever its transport. A new connector runs this kit in one line.

``assert_conforms(subject)`` needs a subject whose feed has something new to take.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from renkei.errors import TryAgain
from renkei.model import Connection, Delivery, Feed

#: What of the hub a connector may know.
ALLOWED = {"model", "errors", "failpoint", "formats", "secrets", "part", "arrival"}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One connector, reachable and unreachable, and a feed with at least one delivery."""

    module: ModuleType
    connection: Connection
    unreachable: Connection
    feed: Feed
    workdir: Path
    secrets: tuple[str, ...]

    def pull(self, connection: Connection | None = None) -> list[Delivery]:
        """Every delivery since the beginning."""
        connector = self.module.connect(connection or self.connection, workdir=self.workdir)
        return list(connector.pull(self.feed, None))


def assert_conforms(subject: Subject) -> None:
    """Run every check."""
    for check in CHECKS:
        check(subject)


def states_its_triple(subject: Subject) -> None:
    """Replayable, ordered and idempotent are said, not guessed."""
    connector = subject.module.connect(subject.connection, workdir=subject.workdir)
    assert {type(getattr(connector, name)) for name in ("replayable", "ordered", "idempotent")} == {bool}


def connecting_contacts_nothing(subject: Subject) -> None:
    """Making a connector for a dead system is no error; using it is, and it passes."""
    connector = subject.module.connect(subject.unreachable, workdir=subject.workdir)
    with pytest.raises(TryAgain):
        list(connector.pull(subject.feed, None))
    assert unfinished(subject.workdir) == []


def deliveries_are_whole_and_proved(subject: Subject) -> None:
    """Bytes and hash are those of the file, and the file is in the work folder under a name of ours."""
    for delivery in subject.pull():
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


def testing_tells_no_secret(subject: Subject) -> None:
    """``test()`` answers with texts, and none of them is a secret."""
    connector = subject.module.connect(subject.connection, workdir=subject.workdir)
    found = connector.test()
    assert found
    assert not any(secret in text for secret in subject.secrets for text in found.values())


def imports_stay_inside_the_fence(subject: Subject) -> None:
    """Only the hub's nouns, and never another connector."""
    source = Path(str(subject.module.__file__))
    others = {place.stem for place in source.parent.glob("*.py")}
    for place in source.parent.glob(f"{source.stem}*.py"):
        for name in imported_by(place):
            parts = name.split(".")
            assert parts[0] != "renkei" or parts[1] in ALLOWED, f"{place.name} imports {name}"
            assert parts[0] not in others, f"{place.name} imports {name}"


CHECKS: tuple[Callable[[Subject], None], ...] = (
    states_its_triple,
    connecting_contacts_nothing,
    deliveries_are_whole_and_proved,
    a_replay_gives_the_same_bytes,
    positions_are_plain_json,
    testing_tells_no_secret,
    imports_stay_inside_the_fence,
)


def unfinished(workdir: Path) -> list[str]:
    """Files that only a pull under way may have."""
    kinds = {".part", ".json", ".new"}
    return sorted(place.name for place in workdir.glob("*") if place.suffix in kinds)


def imported_by(place: Path) -> set[str]:
    """Every module that a file imports, ``renkei`` ones with their submodule."""
    found = set()
    for node in ast.walk(ast.parse(place.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            bare = node.module == "renkei"
            found |= {f"renkei.{alias.name}" for alias in node.names} if bare else {node.module}
    return found - set(sys.stdlib_module_names)
