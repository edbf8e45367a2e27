"""The small city taken in once for all tests of lineage; a test that changes something puts it back."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.city import DAY, small_city

from renkei import workflow
from renkei.project import Project, load
from renkei.registry.embedded import Cluster
from renkei.registry.store import URL_FILE, connect, remember_url

ROOT = Path(__file__).resolve().parents[3]
FEEDS = ("juki.resident", "tax.taxpayer", "tax.assessment", "welfare.recipient", "welfare.benefit")
RESIDENTS = 150


@pytest.fixture(scope="session")
def project(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A hub that has taken in every feed of the small city."""
    root, name = tmp_path_factory.mktemp("hub"), f"lineage_{uuid.uuid4().hex[:12]}"
    cluster.create_database(name, template="renkei_template")
    for folder in ("connectors", "mappings", "reconciliation"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "renkei.toml", root)
    remember_url(root / "var", cluster.url(name))
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("RENKEI_DATABASE_URL", "RENKEI_VAR", "RENKEI_PROJECT"):
            patch.delenv(variable, raising=False)
        with small_city(tmp_path_factory.mktemp("city"), residents=RESIDENTS) as city:
            shutil.copy(city.var / "connections.toml", root / "var" / "connections.toml")
            for feed in FEEDS:
                made = workflow.sync_in(load(root), feed, as_of=DAY, actor="tester", trigger="test")
                assert made.delivered, feed
    yield load(root)
    cluster.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def engine(project: Project) -> Iterator[sa.Engine]:
    """The registry of that hub."""
    made = connect((project.var / URL_FILE).read_text("utf-8"))
    yield made
    made.dispose()


@pytest.fixture(autouse=True)
def asked_in_english(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands speak English and work on that hub."""
    monkeypatch.setenv("RENKEI_PROJECT", str(project.root))
    monkeypatch.setenv("RENKEI_LANG", "en")


@pytest.fixture
def draft(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another folder of the same city, to be edited; registry and landing zone are the project's."""
    for name in ("connectors", "mappings", "reconciliation"):
        shutil.copytree(project.root / name, tmp_path / name)
    shutil.copy(project.root / "renkei.toml", tmp_path)
    monkeypatch.setenv("RENKEI_PROJECT", str(tmp_path))
    monkeypatch.setenv("RENKEI_VAR", str(project.var))
    return tmp_path
