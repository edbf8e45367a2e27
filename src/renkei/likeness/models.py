"""The models that were made: rows of ``link_model``, of which one is in use. A row's body never changes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from renkei.errors import Stop
from renkei.likeness.model import Model, checked, default

#: Who made the model that comes along.
SHIPPED = "renkei"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One row: the model, who made it of what, and since when it is or was in use."""

    link_model_id: int
    model: Model
    digest: str
    trained_by: str
    trained_at: datetime
    trained_on: Mapping[str, Any]
    adopted_by: str | None
    adopted_at: datetime | None
    retired_at: datetime | None

    @property
    def is_in_use(self) -> bool:
        """True for the one that proposals are made with."""
        return self.adopted_at is not None and self.retired_at is None


_ROWS = """
    SELECT link_model_id, digest, body, trained_by, trained_at, trained_on, adopted_by, adopted_at, retired_at
    FROM link_model
"""
_KEEP = """
    INSERT INTO link_model (digest, body, trained_by, trained_at, trained_on)
    VALUES (:digest, CAST(:body AS jsonb), :by, :now, CAST(:on AS jsonb))
    ON CONFLICT (digest) DO NOTHING
"""
_RETIRE = "UPDATE link_model SET retired_at = :now WHERE adopted_at IS NOT NULL AND retired_at IS NULL"
_ADOPT = """
    UPDATE link_model SET adopted_by = :by, adopted_at = :now, retired_at = NULL WHERE link_model_id = :id
"""


def every(connection: sa.Connection) -> tuple[Kept, ...]:
    """All models, the newest first."""
    return _ask(connection, "ORDER BY link_model_id DESC")


def one(connection: sa.Connection, link_model_id: int) -> Kept | None:
    """A model by its number."""
    found = _ask(connection, "WHERE link_model_id = :id", id=link_model_id)
    return found[0] if found else None


def in_use(connection: sa.Connection) -> Kept | None:
    """The model that was adopted, or None: then the one that comes along proposes."""
    found = _ask(connection, "WHERE adopted_at IS NOT NULL AND retired_at IS NULL")
    return found[0] if found else None


def keep(connection: sa.Connection, model: Model, *, by: str, on: Mapping[str, Any], now: datetime) -> Kept:
    """Write a model; the same one a second time is the row that is there."""
    values = {
        "digest": model.digest,
        "body": json.dumps(dict(model.body), ensure_ascii=False),
        "by": by,
        "now": now,
        "on": json.dumps(dict(on)),
    }
    connection.execute(sa.text(_KEEP), values)
    return _ask(connection, "WHERE digest = :digest", digest=model.digest)[0]


def adopt(connection: sa.Connection, kept: Kept, *, by: str, now: datetime) -> None:
    """From now on this one proposes; the one before is retired. Adopting the one in use changes nothing."""
    if not kept.is_in_use:
        connection.execute(sa.text(_RETIRE), {"now": now})
        connection.execute(sa.text(_ADOPT), {"id": kept.link_model_id, "by": by, "now": now})


def ensured(connection: sa.Connection, *, now: datetime) -> Kept:
    """The model in use; where none was ever adopted, the one that comes along is from now on."""
    found = in_use(connection)
    if found is not None:
        return found
    kept = keep(connection, default(), by=SHIPPED, on={"city": "synthetic"}, now=now)
    adopt(connection, kept, by=SHIPPED, now=now)
    return one(connection, kept.link_model_id) or kept


def _ask(connection: sa.Connection, where: str, **bound: object) -> tuple[Kept, ...]:
    rows = connection.execute(sa.text(f"{_ROWS} {where}"), bound).mappings()
    return tuple(_kept(dict(row)) for row in rows)


def _kept(row: dict[str, Any]) -> Kept:
    return Kept(model=Model(body=row.pop("body")), **row)


def usable(kept: Kept) -> Model:
    """Its model. Raises Stop E_LINK_MODEL where it was made with other columns than this release prepares,
    and E_LINK_MODEL_CHANGED where it is not what its digest says.
    """
    if kept.model.digest != kept.digest:
        raise Stop("E_LINK_MODEL_CHANGED", digest=kept.digest[:12])
    return checked(kept.model.body)
