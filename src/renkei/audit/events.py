"""Audit events: who did what to which object, written in the transaction that did it."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

SALT_BYTES = 32

#: The database's clock stamps the event, so that one clock orders the writers of every machine.
_INSERT = text("""
    INSERT INTO audit_event (occurred_at, salt, body)
    VALUES (clock_timestamp(), :salt, :body)
""")


def record(
    connection: Connection,
    *,
    action: str,
    actor: str,
    object: str,  # noqa: A002 - the word of the trail: actor, action, object
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Leave one event in the caller's transaction: it exists exactly when what it tells of exists.

    ``object`` is a kind and an id (``unit:41``); ``detail`` holds ids, counts, digests and codes,
    never a value of a resident's record. Anything JSON cannot say exactly is refused (``TypeError``,
    ``ValueError``), and the caller's transaction with it.
    """
    body = canonical({"action": action, "actor": actor, "object": object, "detail": dict(detail or {})})
    connection.execute(_INSERT, {"salt": secrets.token_bytes(SALT_BYTES), "body": body})


def canonical(value: Mapping[str, Any]) -> str:
    """The one spelling of a JSON object: keys sorted, no spaces, characters as themselves."""
    text_of = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text_of.encode("utf-8")  # a lone surrogate has no UTF-8 and would never verify
    return text_of
