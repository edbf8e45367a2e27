"""A connector of the test city: deliveries lie on a shelf, and the shelf may be told to fail."""

import shutil
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from renkei import errors
from renkei.model import Checkpoint, Connection, Delivery, Feed


def connect(connection: Connection, *, workdir: Path) -> "Shelf":
    return Shelf(Path(connection.settings["path"]), workdir)


class Shelf:
    replayable = ordered = idempotent = True

    def __init__(self, shelf: Path, workdir: Path) -> None:
        self._shelf, self._workdir = shelf, workdir

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        self._fail_if_told(feed)
        for place in sorted((self._shelf / feed.id).glob("*.xml")):
            fetched = self._workdir / place.name
            shutil.copy(place, fetched)
            content = fetched.read_bytes()
            yield Delivery(
                feed=feed.id,
                name=place.name,
                path=fetched,
                bytes=len(content),
                sha256=sha256(content).hexdigest(),
            )

    def test(self) -> Mapping[str, str]:
        return {}

    def _fail_if_told(self, feed: Feed) -> None:
        told = self._shelf / f"{feed.id}.faults"
        faults = told.read_text("utf-8").split() if told.exists() else []
        if faults:
            told.write_text("\n".join(faults[1:]), "utf-8")
            kind, _, code = faults[0].partition(":")
            raise getattr(errors, kind)(code, feed=feed.id)
