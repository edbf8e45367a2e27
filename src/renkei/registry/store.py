"""Opens the registry: its address, its engine, its migrations."""

import os
from importlib import resources
from pathlib import Path

import sqlalchemy as sa

from renkei.errors import Stop

#: The supervisor writes the embedded cluster's address here, readable by its owner only.
URL_FILE = "database.url"


def url_of(var: Path) -> str:
    """The registry's address: the environment first, then what the supervisor left in ``var``."""
    if given := os.environ.get("RENKEI_DATABASE_URL"):
        return given
    try:
        return (var / URL_FILE).read_text("utf-8").strip()
    except FileNotFoundError as missing:
        raise Stop("E_DATABASE") from missing


def remember_url(var: Path, url: str) -> None:
    """Leave the address for other processes of this project, mode 0600."""
    place = var / URL_FILE
    place.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(url)


def connect(url: str) -> sa.Engine:
    """An engine on the registry; values bound to statements never appear in its errors."""
    return sa.create_engine(
        url,
        hide_parameters=True,
        pool_size=2,
        max_overflow=4,
        connect_args={"connect_timeout": 10, "application_name": "renkei"},
    )


def migrate(url: str) -> None:
    """Bring the schema to this version; doing it twice changes nothing, two at once wait for each other."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resources.files("renkei.registry") / "migrations"))
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_lock(hashtext('renkei.migrate'))")
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
            connection.commit()
    except sa.exc.OperationalError as broken:
        raise Stop("E_DATABASE") from broken
    finally:
        engine.dispose()


def revision(engine: sa.Engine) -> str | None:
    """The schema's present revision, or None before the first migration."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
