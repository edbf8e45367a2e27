"""One small city for the unit tests, made once a process and never changed by a test."""

from copy import deepcopy
from datetime import date

import pytest

from renkei_sample.base import found
from renkei_sample.plants import plant
from renkei_sample.state import EXTRAS, CityState

DAY = date(2026, 11, 20)


@pytest.fixture(scope="session")
def planted() -> CityState:
    """2,000 residents on the base day, plants included, with all that a city may have; read only."""
    state = found(residents=2000, seed=11, day=DAY)
    state.extras = EXTRAS
    plant(state)
    return state


@pytest.fixture
def city(planted: CityState) -> CityState:
    """The same city, for a test that lets days pass."""
    return deepcopy(planted)
