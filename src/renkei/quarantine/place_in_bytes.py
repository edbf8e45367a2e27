"""Where the bytes of a record set aside are: object, offset, length and, in files of lines, the line."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.landing import Landing

if TYPE_CHECKING:
    from renkei.project import Project
    from renkei.views import RejectView

_BLOCK = 1 << 20
#: Kinds of files that people open in an editor, where a line says more than an offset.
_OF_LINES = frozenset({"csv", "xml"})


@dataclass(frozen=True, kw_only=True)
class PlaceInBytes:
    """``object`` is a path below ``var``; bytes count from 0, lines from 1; None where there is no place."""

    object: str
    offset: int | None
    length: int | None
    line: int | None


def of(project: "Project", reject: "RejectView") -> PlaceInBytes:
    """The place of one reject in the landed bytes; whoever can read the object finds the record there."""
    path = Landing(project.var / "landing").path(reject.sha256)
    return PlaceInBytes(
        object=str(path.relative_to(project.var)),
        offset=reject.byte_offset,
        length=reject.byte_length,
        line=_line(project, reject, path),
    )


def _line(project: "Project", reject: "RejectView", path: Path) -> int | None:
    known = project.mappings.get(reject.feed)
    if known is None or known.feed.format["kind"] not in _OF_LINES:
        return None
    if reject.byte_offset is None or not path.exists():
        return None
    left, ends = reject.byte_offset, 0
    with path.open("rb") as file:
        while left and (block := file.read(min(left, _BLOCK))):
            ends, left = ends + block.count(b"\n"), left - len(block)
    return ends + 1
