"""Where a command works: the project, its registry, the city's day, and who is asking."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Engine

    from renkei.project import Project

TRIGGER = "manual"

_LOGIN = Path("/proc/self/loginuid")
_NOBODY_SIGNED_IN = 2**32 - 1


def project() -> "Project":
    """The project around the current folder, or where ``RENKEI_PROJECT`` says."""
    from renkei.project import load

    return load()


@contextmanager
def registry(of: "Project") -> Iterator["Engine"]:
    """An engine on the project's registry for as long as the block lasts."""
    from renkei.registry import store

    engine = store.connect(store.url_of(of.var))
    try:
        yield engine
    finally:
        engine.dispose()


def today(of: "Project") -> "date":
    """The city's own day, also while ``renkei.toml`` is half saved."""
    from zoneinfo import ZoneInfo

    from renkei.clock import SystemClock
    from renkei.errors import FixDeclaration

    try:
        zone = of.config.time_zone
    except FixDeclaration:
        from renkei.workflow import in_force

        zone = in_force(of, founds=False).config.time_zone
    return SystemClock().now().astimezone(ZoneInfo(zone)).date()


def actor() -> str:
    """Who is asking: the account of the operating system, and who became it, by sudo or otherwise."""
    name = pwd.getpwuid(os.getuid()).pw_name
    before = _signed_in() or os.environ.get("SUDO_USER")
    return f"cli:{before}>{name}" if before and before != name else f"cli:{name}"


def _signed_in() -> str | None:
    """The account that signed in, as the kernel keeps it: no later ``sudo`` or variable changes it."""
    try:
        number = int(_LOGIN.read_text("ascii"))
        return None if number == _NOBODY_SIGNED_IN else pwd.getpwuid(number).pw_name
    except (OSError, ValueError, KeyError):
        return None
