"""One built city on real servers for these tests."""

import shutil
from collections.abc import Iterator
from datetime import date

import pytest

from renkei_sample.city import City, build

DAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """2,000 residents, servers running."""
    made = build(tmp_path_factory.mktemp("city"), residents=2000, seed=3, day=DAY)
    made.start()
    yield made
    made.stop()
    shutil.rmtree(made.home, ignore_errors=True)
