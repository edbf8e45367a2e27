"""Secrets by reference: ``file:/path`` or ``env:NAME``. A secret itself never stands in a setting."""

import os
import stat
from pathlib import Path

from renkei.errors import FixDeclaration
from renkei.model import Connection


def secret(connection: Connection, name: str) -> str:
    """The secret that setting ``name`` refers to; one trailing newline of a file is not part of it.

    FixDeclaration E_SECRET when the setting is missing, is no reference, or points at nothing readable,
    or at a file that others may read. The error names the setting, never its value.
    """
    kind, _, place = connection.settings.get(name, "").partition(":")
    if kind == "file":
        return _from_file(connection, name, Path(place))
    if kind == "env":
        return _from_environment(connection, name, place)
    raise _unreadable(connection, name, "not a reference (file:/path or env:NAME)")


def _from_file(connection: Connection, name: str, place: Path) -> str:
    try:
        if stat.S_IMODE(place.stat().st_mode) & 0o077:
            raise _unreadable(connection, name, "file is open to others; chmod 600")
        return place.read_text("utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as wrong:
        raise _unreadable(connection, name, type(wrong).__name__) from None


def _from_environment(connection: Connection, name: str, variable: str) -> str:
    value = os.environ.get(variable)
    if value is None:
        raise _unreadable(connection, name, f"environment variable {variable} is not set")
    return value


def _unreadable(connection: Connection, name: str, reason: str) -> FixDeclaration:
    return FixDeclaration("E_SECRET", connection=connection.name, setting=name, reason=reason)
