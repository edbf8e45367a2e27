"""A small sample city on real servers, shared by the tests that need legacy systems."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from renkei_sample.city import City, build

DAY = date(2026, 11, 20)


@contextmanager
def small_city(folder: Path, *, residents: int = 400, seed: int = 7) -> Iterator[City]:
    """Built and started for the block, stopped and removed after it."""
    city = build(folder, residents=residents, seed=seed, day=DAY)
    city.start()
    try:
        yield city
    finally:
        city.stop()
        shutil.rmtree(city.home, ignore_errors=True)
