"""Nothing that is published names a package index, or a path of the machine on which it was written."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Options that name an index or a host that serves packages, and secrets inside an address.
INDEX = re.compile(r"index-url|find-links|trusted-host|/simple/|://[^\s/]*:[^\s/@$({]+@")
#: Home folders, and wherever this checkout happens to lie; a folder inside the project is neither.
MACHINE = re.compile(rf"(?<![\w./}}>\-])(?:/root/|/home/|{re.escape(str(ROOT))}/)")
PATTERNS = (
    "*.md", "*.toml", "*.txt", "*.in", ".dockerignore", "docs/**/*", "docker/**/*", "changes/*", "dags/*.py",
    "connectors/*.py", "mappings/**/*", "reconciliation/*.toml", "src/**/*", "script/*", ".ci/*",
)  # fmt: skip


def published() -> Iterator[Path]:
    found = {place for pattern in PATTERNS for place in ROOT.glob(pattern) if place.is_file()}
    return (place for place in sorted(found) if not _is_set_aside(place))


def _is_set_aside(place: Path) -> bool:
    inside = place.relative_to(ROOT).parts
    return (
        "__pycache__" in inside
        or place.suffix in {".pyc", ".png", ".parquet"}
        or inside[:2] == ("docker", "secrets")
    )


def betrayals(name: str, text: str) -> list[str]:
    looks = [INDEX, MACHINE, *([re.compile("https?://")] if name.startswith("requirements") else [])]
    # the check of the locks names what it looks for
    lines = [line for line in text.splitlines() if not (name == "check" and "grep -nE" in line)]
    return [f"{name}: {found.group()}" for line in lines for look in looks if (found := look.search(line))]


def test_no_published_file_names_a_package_index_or_a_path_of_this_machine() -> None:
    named = [found for place in published() for found in betrayals(place.name, place.read_text("utf-8"))]

    assert named == []


# the known-bad twins -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "--extra-index-url https://packages.city.example"),
        ("requirements.txt", "# from https://packages.city.example"),
        ("notes.md", "as written in `/root/.config`"),
        ("notes.md", f"as written in {ROOT}/docs"),
        ("compose.yaml", "  - /home/someone/city:/srv/renkei"),
        ("pip.conf", "find-links = wheels"),
        ("Dockerfile", "RUN pip install https://name:secret@packages.city.example/x.whl"),
    ],
)
def test_an_index_or_a_path_of_this_machine_is_noticed(name: str, text: str) -> None:
    assert betrayals(name, text) != []


def test_folders_of_the_project_are_no_paths_of_this_machine() -> None:
    assert betrayals("notes.md", "`var/log/`, <project>/root/x, /srv/renkei/var, $HOME/home/") == []
