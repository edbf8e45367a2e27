"""The links of a resident's records as they hold now, and the way from one record to another over them."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa


@dataclass(frozen=True, kw_only=True)
class Link:
    """A record's link as it holds now: by which rule, since when known, and which record led there."""

    feed: str
    source_key: str
    rule: str
    known_from: datetime
    via_feed: str | None
    via_key: str | None
    decision_id: int | None

    @property
    def record(self) -> tuple[str, str]:
        """Feed and key."""
        return self.feed, self.source_key

    @property
    def via(self) -> tuple[str, str] | None:
        """The record that led there; None of a founder."""
        return None if self.via_feed is None or self.via_key is None else (self.via_feed, self.via_key)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One link of a chain: two records and what joins them."""

    left: tuple[str, str]
    right: tuple[str, str]
    rule: str
    known_from: datetime
    decision_id: int | None


_LINKS = """
    SELECT feed, source_key, rule, known_from, via_feed, via_key, decision_id
    FROM open_link
    WHERE resident_id = :resident
    ORDER BY home_id
"""


def links_of(connection: sa.Connection, resident: int) -> tuple[Link, ...]:
    """Every record of a resident with the rule that it belongs there by, oldest home first."""
    rows = connection.execute(sa.text(_LINKS), {"resident": resident}).mappings()
    return tuple(Link(**row) for row in rows)


def chain(links: Iterable[Link], start: tuple[str, str], end: tuple[str, str]) -> tuple[Step, ...]:
    """The shortest way from one record to another over the links of their resident; empty where none leads.

    A link joins its record with the one that led there, and may be gone both ways.
    """
    near: dict[tuple[str, str], list[tuple[tuple[str, str], Link]]] = {}
    for link in links:
        if link.via is not None:
            near.setdefault(link.record, []).append((link.via, link))
            near.setdefault(link.via, []).append((link.record, link))
    came: dict[tuple[str, str], Step | None] = {start: None}
    queue = deque([start])
    while queue and end not in came:
        here = queue.popleft()
        for there, link in near.get(here, ()):
            if there not in came:
                came[there] = Step(
                    left=here,
                    right=there,
                    rule=link.rule,
                    known_from=link.known_from,
                    decision_id=link.decision_id,
                )
                queue.append(there)
    return _back(came, end)


def _back(came: Mapping[tuple[str, str], Step | None], end: tuple[str, str]) -> tuple[Step, ...]:
    made: list[Step] = []
    step = came.get(end)
    while step is not None:
        made.append(step)
        step = came[step.left]
    return tuple(reversed(made))
