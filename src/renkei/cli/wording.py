"""Words shared by several commands: codes and counts as people read them."""

from collections.abc import Mapping
from typing import Any

from renkei.language import language_of_user, say
from renkei.report.labels import label

#: The parts of the equation of a run, in its order.
PARTS = ("merged", "unchanged", "superseded", "rejected")


def word(kind: str, code: object) -> str:
    """The word for a code, in the person's language."""
    return label(kind, code, language=language_of_user())


def equation(counts: Mapping[str, Any]) -> str:
    """``read = merged + unchanged + superseded + rejected`` with its numbers."""
    terms = " + ".join(f"{word('run', part)} {counts.get(part, 0):,}" for part in PARTS)
    ended = counts.get("ended", 0)
    tail = say(f"（ほかに消除 {ended:,}）", f" (and {ended:,} ended)") if ended else ""
    return f"{word('run', 'records')} {counts.get('records', 0):,} = {terms}{tail}"
