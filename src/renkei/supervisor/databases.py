"""Makes the two databases ready: the hub's registry, and Airflow's own beside it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from renkei.errors import Stop
from renkei.registry import store
from renkei.registry.embedded import Cluster

#: A city's own servers, when it has them; otherwise both databases live in the embedded cluster.
REGISTRY_URL, AIRFLOW_URL = "RENKEI_DATABASE_URL", "RENKEI_AIRFLOW_DATABASE_URL"


@dataclass(frozen=True, kw_only=True)
class Databases:
    """Where both databases are, and the cluster that we started ourselves, if any."""

    registry: str
    airflow: str
    cluster: Cluster | None

    @property
    def postmaster(self) -> int:
        """The cluster's process id, 0 when it is not ours to end."""
        if self.cluster is None:
            return 0
        return int((self.cluster.data / "postmaster.pid").read_text("ascii").splitlines()[0])


def open_databases(var: Path) -> Databases:
    """Start the embedded cluster unless both databases are given, and bring the registry up to date.

    A cluster that already ran belongs to whoever started it and is left running at the end.
    """
    registry, airflow = os.environ.get(REGISTRY_URL), os.environ.get(AIRFLOW_URL)
    ours = None
    if not (registry and airflow):
        cluster = Cluster(var / "pg")
        ours = None if cluster.is_running() else cluster
        cluster.start()
        registry = registry or _database(cluster, "renkei")
        airflow = airflow or _database(cluster, "airflow")
    store.remember_url(var, registry)
    store.migrate(registry)
    return Databases(registry=registry, airflow=airflow, cluster=ours)


def airflow_schema() -> str:
    """What a migrated Airflow database is remembered by."""
    return version("apache-airflow")


def is_migrated(url: str) -> bool:
    """True when the Airflow database holds a schema at all."""
    engine = sa.create_engine(url)
    try:
        return bool(sa.inspect(engine).has_table("alembic_version"))
    finally:
        engine.dispose()


def migrate_airflow(environment: Mapping[str, str], *, log: Path) -> None:
    """Run ``airflow db migrate``; doing it twice changes nothing."""
    log.mkdir(parents=True, exist_ok=True)
    with (log / "airflow-migrate.log").open("ab") as out:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise Stop("E_AIRFLOW_MIGRATE", log=str(log / "airflow-migrate.log"))


def _database(cluster: Cluster, name: str) -> str:
    cluster.create_database(name, owner=name)
    return cluster.url(name, name)
