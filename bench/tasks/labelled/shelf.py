"""A connector to Arrow files in a folder: ``<system>-<night>.arrow``, each a whole delivery."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from renkei.model import Checkpoint, Connection, Delivery, Feed


def connect(connection: Connection, *, workdir: Path) -> "Shelf":
    """The shelf at the connection's ``place``."""
    return Shelf(Path(connection.settings["place"]), workdir)


class Shelf:
    """Whole deliveries of a system, one a night, in order."""

    replayable, ordered, idempotent, notes = True, True, False, ()

    def __init__(self, place: Path, workdir: Path) -> None:
        self._place, self._workdir = place, workdir

    def test(self) -> Mapping[str, str]:
        """Nothing to ask."""
        return {}

    def pull(self, feed: Feed, since: Checkpoint | None) -> Iterator[Delivery]:
        """What has not been taken yet."""
        import pyarrow as pa

        start = since.position.get("taken", -1) + 1 if since else 0
        for number, place in list(enumerate(sorted(self._place.glob(f"{feed.system}-*.arrow"))))[start:]:
            copy = self._workdir / place.name
            copy.write_bytes(place.read_bytes())
            with place.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            with pa.memory_map(str(copy)) as file:
                rows = sum(batch.num_rows for batch in pa.ipc.open_file(file).read_all().to_batches())
            yield Delivery(
                feed=feed.id, name=place.name, path=copy, bytes=copy.stat().st_size, sha256=digest,
                records=rows, position={"taken": number}, is_whole=True,
            )  # fmt: skip
