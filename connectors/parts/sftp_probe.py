"""What only trying can tell of an SFTP server: its clock, and whether a rename goes over another file.

It writes two small files of its own, where the connection declares a folder for that, and removes them.
"""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sftp import _Session


def tried(session: "_Session", place: str) -> dict[str, str]:
    """``clock`` (the server's against ours) and ``rename_over`` (``refused`` is what a push relies on)."""
    first, second = f"{place}.1", f"{place}.2"
    try:
        for path in (first, second):
            session.remove(path)
            with session.making(path, fresh=True):
                pass
        return {"clock": _clock(session, first), "rename_over": _rename_over(session, first, second)}
    finally:
        for path in (first, second):
            session.remove(path)


def _clock(session: "_Session", path: str) -> str:
    there = session.look(path)
    return "unknown" if there is None else f"{there.modified - int(time.time()):+d} s"


def _rename_over(session: "_Session", old: str, new: str) -> str:
    try:
        session.rename(old, new)
    except FileExistsError:
        return "refused"
    return "DONE: this server renames over another file"
