"""Witness files: copies of every checkpoint outside the database, one JSON line each, only ever appended.

The database's owner can rewrite the database; what was copied here before that cannot follow.
A copy cut short by a crash stays as it is: the next one starts on a new line, and the verifier
knows a beginning of the following line when it sees one.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from renkei.errors import Stop

#: Far more than one line; the last whole line is always inside it.
_TAIL_BYTES = 64 * 1024


def append_missing(path: Path, notes_after: Callable[[int], Sequence[tuple[int, str]]]) -> int:
    """Copy what this witness lacks, oldest first, and return how many; nothing lacking writes nothing.

    ``notes_after(size)`` gives the checkpoints from ``size`` on, that one included: a witness whose
    last line the database does not hold word for word stops everything with ``E_AUDIT_BROKEN``.
    """
    try:
        size, note, ends_clean = _last(path)
        held = notes_after(size)
        missing = held if size == 0 else _after(held, size=size, note=note, path=path)
        if missing:
            _append(path, missing, on_new_line=not ends_clean)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Stop("E_AUDIT_WITNESS", witness=str(path), reason=reason) from error
    return len(missing)


def line(size: int, note: str) -> str:
    """One checkpoint as a witness keeps it."""
    return json.dumps({"size": size, "note": note}, ensure_ascii=False, separators=(",", ":"))


def _after(held: Sequence[tuple[int, str]], *, size: int, note: str, path: Path) -> Sequence[tuple[int, str]]:
    if not held or held[0] != (size, note):
        raise Stop("E_AUDIT_BROKEN", size=size, place=str(path))
    return held[1:]


def _last(path: Path) -> tuple[int, str, bool]:
    """Size and note of the last whole line, and whether the file ends with a line break."""
    if not path.exists():
        return 0, "", True
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
        tail = file.read()
    for text in reversed(tail.split(b"\n")):
        try:
            copy = json.loads(text)
            return int(copy["size"]), str(copy["note"]), tail.endswith(b"\n")
        except (ValueError, TypeError, KeyError):  # empty, or cut short by a crash
            continue
    return 0, "", not tail or tail.endswith(b"\n")


def _append(path: Path, missing: Sequence[tuple[int, str]], *, on_new_line: bool) -> None:
    created = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line(size, note)}\n" for size, note in missing)
    with path.open("ab") as file:
        file.write((("\n" if on_new_line else "") + text).encode())
        file.flush()
        os.fsync(file.fileno())
    if created:
        _fsync_folder(path.parent)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
