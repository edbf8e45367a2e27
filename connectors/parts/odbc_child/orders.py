"""What the parent asks for: plain JSON, made by ``odbc.py``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renkei.errors import TryAgain

#: ``verb feed connection settings password deadline lock_wait``, and what the verb needs.
Order = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What a driver reported: its SQLSTATE, the server's own number, and its text, which stays in here."""

    state: str
    native: int
    text: str


def fault_of(error: Exception) -> Fault:
    """Read a fault out of an error of pyodbc or arrow-odbc."""
    if error.args and len(error.args) > 1:  # pyodbc: state, text
        text = str(error.args[-1])
        number = re.search(r"\((-?\d+)\) \(SQL\w+\)", text)
        return Fault(state=str(error.args[0]), native=int(number[1]) if number else 0, text=text)
    text = str(error)
    state = re.search(r"State: (\w{5})", text)
    number = re.search(r"Native error: (-?\d+)", text)
    return Fault(state=state[1] if state else "?????", native=int(number[1]) if number else 0, text=text)


def lost(order: Order) -> TryAgain:
    """The link went away on the way."""
    part = Path(order.get("part") or "/dev/null")
    return TryAgain("E_PULL_LOST", feed=order["feed"], bytes=part.stat().st_size if part.exists() else 0)
