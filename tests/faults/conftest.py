"""The kill harness's city and hub."""

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
    known = (city.var / "connections.toml").read_text("utf-8")
    # a killed reader is a lost connection: try again at once and not for long
    place = tmp_project / "var" / "connections.toml"
    place.write_text(known.replace("[juki_odbc]\n", "[juki_odbc]\nretry_seconds = 1\n"), "utf-8")
    return tmp_project


@pytest.fixture
def attempt(hub: Path) -> Callable[..., int]:
    """Run verbs on the hub in a process of their own, which a failpoint may kill."""
    return partial(run, hub)
