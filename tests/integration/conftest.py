"""A registry of made-up people with a terminal before it, for tests that share one a file."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from renkei.cli import place
from renkei.registry.embedded import Cluster
from renkei.registry.store import connect

if TYPE_CHECKING:
    from tests.integration.registry.judging import Bench

Terminal = Callable[..., AbstractContextManager["Bench"]]


@pytest.fixture(scope="session")
def terminal(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """``with terminal("name") as bench``: a registry that is gone afterwards.

    Commands speak English, nobody has logged in, and two people decide unless ``alone``.
    """
    from tests.integration.registry.judging import Bench, settings

    @contextmanager
    def opened(name: str, *, alone: bool = False) -> Iterator["Bench"]:
        cluster.create_database(name, template="renkei_template")
        engine, folder = connect(cluster.url(name)), tmp_path_factory.mktemp("cities")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RENKEI_DATABASE_URL", cluster.url(name))
            patch.setenv("RENKEI_LANG", "en")
            patch.setattr(place, "_LOGIN", Path("/nowhere"))
            made = Bench(
                registry=engine,
                two=settings(folder / "two", "two people"),
                one=settings(folder / "one", "one person"),
            )
            patch.setenv("RENKEI_PROJECT", str((made.one if alone else made.two).root))
            yield made
        engine.dispose()
        cluster.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    return opened
