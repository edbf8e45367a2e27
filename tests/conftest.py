"""Fixtures that many tests share: a real PostgreSQL, a migrated registry, a project folder of its own."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from renkei.registry.embedded import Cluster
from renkei.registry.store import connect, migrate

ROOT = Path(__file__).resolve().parents[1]
APPROVED = 'approval = "two people"'


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One throw-away PostgreSQL for each test process; not durable, so that it is quick."""
    folder = tmp_path_factory.mktemp("cluster") / "pg"
    made = Cluster(folder, settings={"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"})
    made.start()
    made.create_database("renkei_template")
    migrate(made.url("renkei_template"))
    yield made
    made.stop()
    shutil.rmtree(made.home, ignore_errors=True)


@pytest.fixture
def registry_url(cluster: Cluster) -> Iterator[str]:
    """The address of a fresh, migrated registry."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    cluster.create_database(name, template="renkei_template")
    yield cluster.url(name)
    cluster.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def registry(registry_url: str) -> Iterator[sa.Engine]:
    """An engine on a fresh registry."""
    engine = connect(registry_url)
    yield engine
    engine.dispose()


@pytest.fixture
def tmp_project(tmp_path: Path, registry_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the city's folders with its own ``var`` and a fresh registry."""
    for name in ("connectors", "mappings", "reconciliation", "dags"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    config = (ROOT / "renkei.toml").read_text("utf-8")
    assert APPROVED in config
    # most tests edit the folder between runs: it is what runs
    (tmp_path / "renkei.toml").write_text(config.replace(APPROVED, 'approval = "none"'), "utf-8")
    var = tmp_path / "var"
    var.mkdir()
    monkeypatch.setenv("RENKEI_DATABASE_URL", registry_url)
    monkeypatch.delenv("RENKEI_VAR", raising=False)
    monkeypatch.delenv("RENKEI_FAILPOINTS", raising=False)
    var.chmod(0o755)
    return tmp_path
