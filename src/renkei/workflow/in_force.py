"""Which text a run works on: what is in force, laid out from its archive, never the folder being edited.

Where ``renkei.toml`` says ``approval = "none"`` the folder itself is in force. Otherwise the first run puts
the folder as it stands in force (``declarations.founded``), and only an applied plan replaces it. The archive
is an object of the landing zone; ``var/declarations/<digest>`` is its copy for reading and may be removed at
any time.
"""

import fcntl
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from renkei import archive, project
from renkei.acceptance import declared
from renkei.audit import events
from renkei.clock import Clock, SystemClock
from renkei.errors import FixDeclaration, RenkeiError, Stop
from renkei.failpoint import failpoint
from renkei.landing import Landing
from renkei.project import Project
from renkei.registry import control, declarations, store
from renkei.registry.declarations import Declaration

#: Who put the first text in force: nobody approved it.
FOUNDED = "the folder as it stood at the first run"


def in_force(
    draft: Project, *, engine: sa.Engine | None = None, actor: str = "system", clock: Clock | None = None,
    founds: bool = True,
) -> Project:  # fmt: skip
    """The project that a run must use. Asked again with its answer, it gives that back.

    With ``founds`` false nothing is written: where nothing is in force yet, that is the draft.
    FixDeclaration when a first text does not load; Stop E_OBJECT_DAMAGED when the archive is damaged.
    """
    if draft.in_force is not None:
        return draft
    own = engine or store.connect(store.url_of(draft.var))
    try:
        with own.connect() as connection:
            row = declarations.current(connection)
        if row is not None:
            ruling = _of(draft, row)
            if ruling.config.approval != "none":
                return ruling
        if draft.config.approval == "none" or not founds:
            return draft
        return _of(draft, _found(draft, own, before=row, actor=actor, clock=clock or SystemClock()))
    finally:
        if engine is None:
            own.dispose()


def current(draft: Project, engine: sa.Engine) -> tuple[Declaration, Project] | None:
    """What is in force by a row of the registry; None where the folder itself is."""
    with engine.connect() as connection:
        row = declarations.current(connection)
    if row is None:
        return None
    ruling = _of(draft, row)
    return None if ruling.config.approval == "none" else (row, ruling)


def of_archive(draft: Project, *, digest: str, sha256: str, in_force: int | None = None) -> Project:
    """The project of an archive: laid out once, and proved by its digest each time."""
    folder = _folder(draft, digest)
    if _digest_at(folder) != digest:
        files = archive.unpack(Landing(draft.var / "landing").proved(sha256).read_bytes())
        _lay_out(files, folder, digest)
        draft.laid_out.pop(digest, None)
    known = draft.laid_out.get(digest)
    if known is None or known.in_force != in_force:
        known = draft.laid_out[digest] = project.laid_out(draft, folder, in_force=in_force)
    return known


def remember(draft: Project) -> None:
    """Where the folder itself runs, lay it out too: what it says later can then be compared with it."""
    files = archive.read(draft.root)
    if draft.says(archive.digest_of(files)):  # not edited since it was loaded
        _lay_out(files, _folder(draft, draft.digest), draft.digest)


def remembered(draft: Project, digest: str) -> Project | None:
    """The project that was laid out with this digest, if it still stands there whole."""
    folder = _folder(draft, digest)
    return project.laid_out(draft, folder) if _digest_at(folder) == digest else None


def keep(draft: Project) -> tuple[Project, str]:
    """Read the folder once, load all of it, and keep its archive; the project of it and the archive's hash.

    FixDeclaration lists everything that is wrong with the text; nothing of it is then kept.
    """
    files = archive.read(draft.root)
    digest = archive.digest_of(files)
    folder = _folder(draft, digest)
    is_new = _lay_out(files, folder, digest)
    try:
        made = project.laid_out(draft, folder)
        load_all(made)
    except FixDeclaration:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    sha256 = _archived(draft, archive.pack(files))
    failpoint("declaration.archived")
    return made, sha256


def load_all(text: Project) -> None:
    """Load settings, mappings and rules, compile the connectors; FixDeclaration with all that is wrong."""
    problems: list[str] = []
    for part in ("config", "mappings", "rules"):
        try:
            getattr(text, part)
        except RenkeiError as wrong:
            problems.append(str(wrong.facts.get("problems", wrong)))
    if not problems:
        problems += declared.problems_of(text)
    problems += _programs(text)
    if problems:
        raise FixDeclaration("E_DECLARATION", problems="\n".join(problems))


def loads(text: Project) -> bool:
    """False where what was once put in force is no longer understood, as after an upgrade of the hub."""
    try:
        load_all(text)
    except FixDeclaration:
        return False
    return True


def _programs(text: Project) -> Iterator[str]:
    """Python that cannot run would be found by the night; what it does is not judged here."""
    for place in sorted((text.root / "connectors").rglob("*.py")):
        try:
            compile(place.read_bytes(), place.name, "exec")
        except (SyntaxError, ValueError) as wrong:
            line = getattr(wrong, "lineno", 0)
            yield f"{place.name}:{line}: expected Python, found {type(wrong).__name__}"


def _of(draft: Project, row: Declaration) -> Project:
    return of_archive(draft, digest=row.digest, sha256=row.object, in_force=row.declaration_id)


def _folder(draft: Project, digest: str) -> Path:
    return draft.var / "declarations" / digest


def _digest_at(folder: Path) -> str | None:
    try:
        return archive.digest_of(archive.read(folder))
    except (FileNotFoundError, FixDeclaration):  # not there, or not as it was laid out
        return None


def _lay_out(files: archive.Files, folder: Path, digest: str) -> bool:
    """Lay the files out unless they stand there whole; one process at a time, so that none meets a half."""
    with _alone(folder.parent):
        if _digest_at(folder) == digest:
            return False
        archive.lay_out(files, folder)
        if _digest_at(folder) != digest:
            raise Stop("E_ARCHIVE")
        return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let no other process or thread lay out or archive for as long as the block lasts."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _archived(draft: Project, data: bytes) -> str:
    place = draft.var / "work" / f"declarations.{secrets.token_hex(8)}.tar"
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.write_bytes(data)
    try:
        with _alone(draft.var / "declarations"):
            return Landing(draft.var / "landing").adopt(place)
    finally:
        place.unlink(missing_ok=True)


def _found(
    draft: Project, engine: sa.Engine, *, before: Declaration | None, actor: str, clock: Clock
) -> Declaration:
    """The folder as it stands becomes what is in force; of two first runs at once the first one's stays."""
    made, sha256 = keep(draft)
    now = clock.now()
    with engine.begin() as connection:
        present = declarations.current(connection, lock=True)
        if present is not None and (before is None or present.declaration_id != before.declaration_id):
            return present
        if present is not None:  # it said "none", and the folder that was in force says otherwise
            declarations.close(connection, now=now)
        control.insert_object(connection, sha256, size=_size(draft, sha256), now=now)
        row = declarations.found(
            connection, digest=made.digest, sha256=sha256, author=actor, reason=FOUNDED, now=now
        )
        if row is not None:
            events.record(
                connection,
                action="declarations.founded",
                actor=actor,
                object=f"declaration:{row.declaration_id}",
                detail={"digest": row.digest, "archive": row.object, "approval": made.config.approval},
            )
            return row
    with engine.connect() as connection:
        other = declarations.current(connection)
    assert other is not None  # the row that ours gave way to
    return other


def _size(draft: Project, sha256: str) -> int:
    return Landing(draft.var / "landing").path(sha256).stat().st_size
