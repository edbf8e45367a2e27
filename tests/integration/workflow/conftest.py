"""A hub whose tax feed reads a folder of its own on the city's real SFTP server."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.city import DAY, small_city

from renkei import project, workflow
from renkei_sample.city import City

TERMS = {"actor": "tester", "trigger": "test"}
RECORD = 420


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with small_city(tmp_path_factory.mktemp("city")) as made:
        yield made


@dataclass
class Desk:
    """The sender's side and the hub's side of one feed."""

    root: Path
    out: Path
    registry: sa.Engine
    original: bytes
    clock: int = 1_795_000_000

    def send(self, name: str, content: bytes, *, done: bool = True) -> None:
        """Put a file there the way the sender does: the file, then its done-file."""
        self.clock += 60  # the protocol tells times in whole seconds, so two sendings must differ in them
        for place, text in (((self.out / name), content), ((self.out / name).with_suffix(".END"), b"")):
            if place.suffix != ".END" or done:
                place.write_bytes(text)
                os.utime(place, (self.clock, self.clock))

    def sync(self, as_of: date = DAY, **changes: Any) -> workflow.SyncResult:
        return workflow.sync_in(project.load(self.root), "tax.taxpayer", as_of=as_of, **TERMS, **changes)

    def verdicts(self) -> list[tuple[str, str, str | None]]:
        query = sa.text("SELECT name, verdict, error_code FROM delivery ORDER BY delivery_id")
        with self.registry.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def count(self, table: str, where: str = "true") -> int:
        with self.registry.connect() as connection:
            return int(
                connection.execute(sa.text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar_one()
            )


@pytest.fixture
def desk(tmp_project: Path, city: City, registry: sa.Engine) -> Iterator[Desk]:
    folder = city.files.out("tax") / tmp_project.name
    folder.mkdir(mode=0o755)
    mapping = tmp_project / "mappings" / "tax.toml"
    text = mapping.read_text("utf-8")
    assert '"/out/KJ_' in text
    mapping.write_text(text.replace('"/out/KJ_', f'"/out/{folder.name}/KJ_'), "utf-8")
    shutil.copy(city.var / "connections.toml", tmp_project / "var" / "connections.toml")
    original = (city.files.out("tax") / f"KJ_{DAY:%Y%m%d}.DAT").read_bytes()
    yield Desk(root=tmp_project, out=folder, registry=registry, original=original)
    shutil.rmtree(folder)


def dated(content: bytes, day: date) -> bytes:
    """The same file as if it had been made on another day."""
    return content[:9] + f"{day:%Y%m%d}".encode() + content[17:]
