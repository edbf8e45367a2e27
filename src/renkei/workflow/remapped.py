"""What a feed's mapping says otherwise than the one that made the feed's present state."""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from renkei import mapping as mappings
from renkei.registry import control
from renkei.workflow import in_force

if TYPE_CHECKING:
    from renkei.workflow.run import Work

#: More lines than these are read in ``renkei mapping diff``.
_MOST_TOLD = 5

_TEXT_OF = """
    SELECT r.project_digest
    FROM cursor AS c
    JOIN unit AS u USING (unit_id)
    JOIN run AS r ON r.run_id = u.run_id
    WHERE c.feed = :feed
"""


def facts(work: "Work", mapping: mappings.Mapping, cursor: control.Cursor | None) -> dict[str, Any]:
    """A fact of an error: what the mapping says otherwise, in both languages; empty where it is the same."""
    ja, en = _told(work, mapping, cursor)
    return {"changes": {"ja": ja, "en": en}}


def remember(work: "Work") -> None:
    """Keep the text that a unit was made with, where nothing else does."""
    if work.project.in_force is None:
        in_force.remember(work.project)


def _told(work: "Work", mapping: mappings.Mapping, cursor: control.Cursor | None) -> tuple[str, str]:
    if cursor is None or cursor.mapping_digest == mapping.digest:
        return "", ""
    old = _mapping_of(work, cursor)
    if old is None:
        return (
            " 対応表が変わっています（以前の対応表は残っていません）。",
            " The mapping has changed (the earlier one was not kept).",
        )
    from renkei.mapping.diff import difference

    found = difference(old, mapping)
    more = len(found) - _MOST_TOLD
    rest = (f"、ほか {more} 件", f"; and {more} more") if more > 0 else ("", "")
    ja, en = ([getattr(each, way) for each in found[:_MOST_TOLD]] for way in ("ja", "en"))
    return f" 対応表の変更：{'、'.join(ja)}{rest[0]}。", f" Changed in the mapping: {'; '.join(en)}{rest[1]}."


def _mapping_of(work: "Work", cursor: control.Cursor) -> mappings.Mapping | None:
    """The mapping that made the feed's present state, where its text was kept."""
    from renkei.workflow.lineage import declared

    with work.engine.connect() as connection:
        digest = connection.execute(sa.text(_TEXT_OF), {"feed": cursor.feed}).scalar()
    if digest is None:
        return None
    kept = declared(work.project, work.engine)
    found = kept.mapping(cursor.feed, cursor.mapping_digest, project_digest=digest)
    if found is not None:
        return found
    folder = in_force.remembered(work.project, digest)
    then = folder.mappings.get(cursor.feed) if folder else None
    return then if then is not None and then.digest == cursor.mapping_digest else None
