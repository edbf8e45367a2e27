"""Showing a person's values: only with a purpose, and only after the audit trail has it."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from renkei.cli import place
from renkei.cli.parser import Parser
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from sqlalchemy import Connection


def add_reveal(parser: Parser) -> None:
    """``--reveal`` and ``--purpose``."""
    parser.option(
        "--reveal",
        say(
            "個人の値も表示する（目的が要り、証跡に残る）",
            "show the person's values too (needs a purpose, is recorded)",
        ),
        action="store_true",
    )
    text = say("表示の目的（事務と理由）", "what for: task and reason")
    parser.option("--purpose", text, metavar=say("目的", "PURPOSE"))


def purpose_of(asked: argparse.Namespace) -> str | None:
    """The purpose when values are wanted, None when they are not; wanting without one is refused."""
    if not asked.reveal:
        return None
    purpose = (asked.purpose or "").strip()
    if not purpose:
        raise FixDeclaration("E_PURPOSE")
    from renkei.vault.typed import refuse_number

    refuse_number(purpose)
    return purpose


def record(connection: "Connection", *, subject: str, purpose: str, detail: Mapping[str, Any]) -> None:
    """Write the event. The caller commits before it prints."""
    from renkei.audit import events

    events.record(
        connection,
        action="personal.revealed",
        actor=place.actor(),
        object=subject,
        detail={"purpose": purpose, **detail},
    )
