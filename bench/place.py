"""A temporary folder for a measurement that needs no city."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from bench.desk import Desk


@contextmanager
def desk() -> Iterator[Desk]:
    """A desk in a folder of its own, gone when the measurement ends."""
    folder = Path(tempfile.mkdtemp(prefix="renkei-bench-"))
    folder.chmod(0o755)  # servers have accounts of their own, which must reach what is theirs
    (folder / "scratch").mkdir(mode=0o700)
    try:
        yield Desk(folder=folder, day=date(2026, 11, 20))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
