"""What a city declares, as one archive: the same files make the same bytes, and one digest names them.

The parts are the folders ``connectors``, ``mappings`` and ``reconciliation`` and the file ``renkei.toml``.
Files that a program leaves beside them (``__pycache__``, names that begin with a dot or end with ``~``) are
no declarations. Everything here takes and gives bytes; what is read once is what is hashed, kept and run.
"""

import io
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath

from renkei.errors import FixDeclaration, Stop

CONFIG = "renkei.toml"
FOLDERS = ("connectors", "mappings", "reconciliation")

#: Path below the city's folder, with ``/``, → content; in the order of paths.
Files = Mapping[str, bytes]


def read(root: Path) -> dict[str, bytes]:
    """Every declared file of a city's folder, each read once.

    FixDeclaration for what an archive would not hold as it stands: links to folders, broken links, devices,
    names that are no Unicode.
    """
    places = [
        place for folder in FOLDERS for place in (root / folder).rglob("*") if _is_declared(place, root)
    ]
    if problems := [*_not_kept(places, root)]:
        raise FixDeclaration("E_DECLARATION", problems="\n".join(problems))
    found = {place.relative_to(root).as_posix(): place.read_bytes() for place in places if place.is_file()}
    found[CONFIG] = (root / CONFIG).read_bytes()
    return dict(sorted(found.items()))


def _is_declared(place: Path, root: Path) -> bool:
    parts = place.relative_to(root).parts
    return not any(
        part.startswith(".") or part.endswith(("~", ".pyc")) or part == "__pycache__" for part in parts
    )


def _not_kept(places: Iterable[Path], root: Path) -> Iterator[str]:
    """What lies in such a place would be used from the folder, and be missing in what is in force."""
    for place in places:
        name = place.relative_to(root).as_posix()
        if not _is_unicode(name):
            yield f"{name.encode('utf-8', 'backslashreplace').decode()}: expected a name in UTF-8"
        elif place.is_symlink() and not place.is_file():
            yield f"{name}: expected a file or a folder, found a link to something else than a file"
        elif not place.is_file() and not place.is_dir() and place.exists():
            yield f"{name}: expected a file or a folder, found a device or a pipe"


def _is_unicode(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def digest_of(files: Files) -> str:
    """One hash over all paths and contents, hex; lengths are part of it, so that no two sets run together."""
    seen = sha256()
    for name, content in sorted(files.items()):
        seen.update(f"{name}\0{len(content)}\0".encode() + content)
    return seen.hexdigest()


def pack(files: Files) -> bytes:
    """The files as a tar without times, owners or order of their own."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o444
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of an archive. Stop E_ARCHIVE for anything that ``pack`` does not write."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            return {entry.name: _content(tar, entry) for entry in tar}
    except tarfile.TarError as broken:
        raise Stop("E_ARCHIVE") from broken


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    path = PurePosixPath(entry.name)
    if not entry.isreg() or path.is_absolute() or ".." in path.parts:
        raise Stop("E_ARCHIVE")
    stream = tar.extractfile(entry)
    assert stream is not None
    return stream.read()


def lay_out(files: Files, folder: Path) -> None:
    """Write the files as ``folder``, whole or not at all; one that stands there gives way."""
    folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    made = folder.with_name(f".{folder.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        for name, content in files.items():
            place = made / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            place.chmod(0o444)
        _put_in_place(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put_in_place(made: Path, folder: Path) -> None:
    aside = made.with_name(f"{made.name}.old")
    try:
        if folder.exists():
            folder.rename(aside)
        made.rename(folder)
    except OSError:  # another process was quicker; the caller looks at what stands there
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
