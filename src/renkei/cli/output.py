"""What a command says: results for machines and tables on stdout, words for people on stderr."""

import sys
from collections.abc import Mapping
from typing import Any


def tell(words: str) -> None:
    """A sentence for the person at the terminal."""
    sys.stderr.write(f"{words}\n")


def show(text: str) -> None:
    """A result for people, on stdout."""
    sys.stdout.write(f"{text}\n")


def answer(schema: str, body: Mapping[str, Any]) -> None:
    """One JSON object on one line: its versioned schema first."""
    import json

    sys.stdout.write(json.dumps({"schema": schema, **body}, ensure_ascii=False, default=plain) + "\n")
    sys.stdout.flush()


def plain(value: object) -> object:
    """A value as JSON says it: dataclasses as objects, days and instants as ISO text."""
    from dataclasses import asdict, is_dataclass
    from datetime import date
    from pathlib import Path
    from uuid import UUID

    if is_dataclass(value) and not isinstance(value, type):
        return {name.rstrip("_"): item for name, item in asdict(value).items()}
    if isinstance(value, date):  # an instant is one too
        return value.isoformat()
    if isinstance(value, UUID | Path):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
