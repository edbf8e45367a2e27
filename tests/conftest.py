"""Fixtures that many tests share: a real PostgreSQL, a migrated registry, a project folder of its own."""

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from renkei.registry.embedded import SUPERUSER, Cluster
from renkei.registry.store import connect, migrate

ROOT = Path(__file__).resolve().parents[1]
APPROVED = 'approval = "two people"'
#: Memory that is used like a disk, and how much of it must be free; on a disk the suite only takes longer.
MEMORY, ENOUGH = Path("/dev/shm"), 3 << 30
#: A server that nobody needs after a crash, and whose log does not grow.
QUICK = {
    "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "64MB",
    "max_wal_size": "128MB", "autovacuum": "off",
}  # fmt: skip


def _work_in_memory() -> None:
    """Temporary folders of tests and of what they start: flushing to a disk is the product's care, not theirs."""
    with suppress(OSError):
        held = os.statvfs(MEMORY)
        if held.f_bavail * held.f_frsize > ENOUGH and not held.f_flag & os.ST_NOEXEC:
            place = MEMORY / f"renkei-tests-{os.geteuid()}"
            place.mkdir(exist_ok=True)
            if place.stat().st_uid == os.geteuid() and not place.is_symlink():
                place.chmod(0o1777)  # servers under accounts of their own have temporary files too
                os.environ["TMPDIR"] = tempfile.tempdir = str(place)


def _write_byte_code() -> None:
    """A build environment may forbid it, and then every worker and every command would compile all anew."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


if "PYTEST_XDIST_WORKER" not in os.environ:
    _work_in_memory()
_write_byte_code()

#: Files that keep one process busy for long: begun first, none of them is what the others wait for at the end.
LONGEST = (
    "faults/test_kill.py", "integration/bench/test_night.py", "conformance/test_connectors.py",
    "integration/bench/test_normalize.py", "integration/bench/test_links.py", "docs/test_tutorial.py",
    "conformance/test_formats.py", "integration/audit/test_prove.py", "integration/cli/test_reading.py",
    "integration/cli/test_keeping.py", "integration/audit/test_seal.py", "dags/test_runs.py",
)  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, whatever the order within; ``--no-loadscope-reorder`` keeps it."""
    first = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.path, len(first)))


class Throwaway(Cluster):
    """A PostgreSQL whose databases are copied file by file: quick, and never used after a crash."""

    def create_database(self, name: str, *, owner: str = SUPERUSER, template: str = "template0") -> None:
        """As it is, but without a log of the copy."""
        if template == "template0":
            super().create_database(name, owner=owner)
        else:
            self.execute(f'CREATE DATABASE "{name}" OWNER "{owner}" TEMPLATE "{template}" STRATEGY file_copy')


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One throw-away PostgreSQL for each test process; not durable, so that it is quick."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    folder.chmod(0o755)  # the server's account must reach its folder
    made = Throwaway(folder / "pg", settings=QUICK)
    made.start()
    made.create_database("renkei_template")
    migrate(made.url("renkei_template"))
    yield made
    made.stop()
    shutil.rmtree(made.home, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


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
    (tmp_path / "renkei.toml").write_text(config.replace(APPROVED, 'approval = "none"', 1), "utf-8")
    var = tmp_path / "var"
    var.mkdir()
    monkeypatch.setenv("RENKEI_DATABASE_URL", registry_url)
    monkeypatch.delenv("RENKEI_VAR", raising=False)
    monkeypatch.delenv("RENKEI_FAILPOINTS", raising=False)
    var.chmod(0o755)
    return tmp_path
