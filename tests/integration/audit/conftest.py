"""A log on a real registry: its key, its two witnesses, and the verifier as an auditor would call it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from renkei.audit import events, keys
from renkei.audit.checkpoint import Checkpoint
from renkei.audit.seal import seal
from renkei_verify import main


@dataclass
class Log:
    """One installation's audit trail."""

    engine: sa.Engine
    url: str
    folder: Path
    keys: keys.Keys
    capture: pytest.CaptureFixture[str]

    @property
    def witnesses(self) -> list[Path]:
        return [self.folder / "a" / "checkpoints", self.folder / "b" / "checkpoints"]

    @property
    def public_key(self) -> Path:
        return self.folder / "keys" / keys.PUBLIC_FILE

    def write(self, count: int = 1, *, action: str = "delivery.landed") -> None:
        with self.engine.begin() as connection:
            for number in range(count):
                events.record(
                    connection, action=action, actor="night", object=f"delivery:{number}", detail={"n": 1}
                )

    def seal(self) -> Checkpoint | None:
        return seal(self.engine, self.keys, self.witnesses)

    def verify(self, *more: str) -> dict[str, Any]:
        """The verifier's answer, by its own command line."""
        self.capture.readouterr()
        (self.folder / "url").write_text(self.url, "utf-8")
        code = main(
            ["--json", "--url-file", str(self.folder / "url"), "--public-key", str(self.public_key),
             "--witness", *map(str, self.witnesses), *more]
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(self.capture.readouterr().out)
        assert answer["exit_code"] == code
        return answer

    def tamper(self, *statements: str) -> None:
        """Do what a database owner can: triggers and foreign keys off."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for statement in statements:
                connection.exec_driver_sql(statement)

    def seals(self) -> list[int]:
        with self.engine.connect() as connection:
            query = "SELECT event_id FROM audit_seal ORDER BY seq"
            return list(connection.exec_driver_sql(query).scalars())


@pytest.fixture
def log(registry: sa.Engine, registry_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Log:
    """An installed log without events."""
    made = keys.ensure(tmp_path / "keys", origin="city.example/audit")
    return Log(engine=registry, url=registry_url, folder=tmp_path, keys=made, capture=capsys)


Tamper = Callable[[Log], None]
