"""The kill harness's city and hub."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.city import small_city
from tests.faults.worker import run

from renkei_sample.city import City


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with small_city(tmp_path_factory.mktemp("city")) as made:
        yield made


@pytest.fixture
def hub(tmp_project: Path, city: City) -> Path:
    """A project on the small city, its registry empty."""
    shutil.copy(city.var / "connections.toml", tmp_project / "var" / "connections.toml")
    return tmp_project


@pytest.fixture
def attempt(hub: Path) -> Callable[..., int]:
    """Run verbs on the hub in a process of their own, which a failpoint may kill."""
    return partial(run, hub)
