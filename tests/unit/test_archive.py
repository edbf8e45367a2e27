"""The archive of what a city declares: one digest, one set of bytes, nothing else."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from renkei import archive
from renkei.errors import FixDeclaration, Stop

FILES = {
    "connectors/odbc.py": b"x = 1\n",
    "mappings/codes/sex.toml": b"1\n",
    "mappings/copybook": b"01 A.\n",
    "reconciliation/R01_x.toml": "本町".encode(),
    "renkei.toml": b"",
}


def folder(root: Path, files: dict[str, bytes]) -> Path:
    for folder in archive.FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return root


def test_the_same_files_make_the_same_bytes_whenever_they_were_written(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one", FILES), folder(tmp_path / "other", dict(reversed(FILES.items())))
    os.utime(one / "renkei.toml", (1, 1))
    (one / "renkei.toml").chmod(0o600)

    assert archive.pack(archive.read(one)) == archive.pack(archive.read(other))
    assert archive.digest_of(archive.read(one)) == archive.digest_of(archive.read(other))


def test_what_is_packed_comes_out_as_it_was() -> None:
    assert archive.unpack(archive.pack(FILES)) == FILES


def test_what_a_program_leaves_beside_the_files_is_no_declaration(tmp_path: Path) -> None:
    left = {
        "connectors/__pycache__/odbc.cpython-311.pyc": b"",
        "mappings/.tax.toml.swp": b"",
        "mappings/a~": b"",
    }

    assert archive.read(folder(tmp_path, FILES | left)) == FILES


def test_a_link_to_a_file_is_read_as_the_file(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_bytes(b"1")
    root = folder(tmp_path / "city", FILES)
    (root / "mappings" / "linked.toml").symlink_to(tmp_path / "elsewhere.toml")

    assert archive.read(root) == FILES | {"mappings/linked.toml": b"1"}


def test_what_an_archive_would_lack_is_refused(tmp_path: Path) -> None:
    # a linked folder is read by whoever opens the path, and no archive would hold what is in it
    root = folder(tmp_path / "city", FILES)
    (tmp_path / "towns").mkdir()
    (root / "mappings" / "towns").symlink_to(tmp_path / "towns")
    (root / "mappings" / "gone.toml").symlink_to(tmp_path / "gone.toml")
    os.mkfifo(root / "mappings" / "pipe.toml")
    (root / "mappings" / os.fsdecode(b"\x8a.toml")).write_bytes(b"")

    with pytest.raises(FixDeclaration) as refused:
        archive.read(root)

    told = sorted(line.split(":")[0] for line in refused.value.facts["problems"].splitlines())
    assert told == [f"mappings/{name}" for name in ("\\udc8a.toml", "gone.toml", "pipe.toml", "towns")]


@pytest.mark.parametrize(
    "other",
    [
        FILES | {"renkei.toml": b" "},
        FILES | {"mappings/more.toml": b""},
        {name: content for name, content in FILES.items() if name != "mappings/copybook"},
        # the same characters in a row, cut at another place
        {**FILES, "mappings/codes/sex.toml": b"1", "mappings/copybook": b"\n01 A.\n"},
    ],
)
def test_any_difference_is_another_digest(other: dict[str, bytes]) -> None:
    assert archive.digest_of(other) != archive.digest_of(FILES)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd"])
def test_an_archive_that_reaches_outside_is_refused(name: str) -> None:
    with pytest.raises(Stop) as refused:
        archive.unpack(archive.pack({name: b""}))

    assert refused.value.code == "E_ARCHIVE"


def test_a_link_in_an_archive_is_refused() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        entry = tarfile.TarInfo("mappings/link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)

    with pytest.raises(Stop):
        archive.unpack(made.getvalue())
    with pytest.raises(Stop):
        archive.unpack(b"no archive")


def test_a_folder_is_laid_out_whole_and_what_stood_there_gives_way(tmp_path: Path) -> None:
    place = tmp_path / "laid" / "out"
    archive.lay_out({"renkei.toml": b"old", "mappings/old.toml": b""}, place)

    archive.lay_out(FILES, place)

    assert archive.read(place) == FILES
    assert [each.name for each in place.parent.iterdir()] == ["out"]
