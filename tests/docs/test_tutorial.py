"""The tutorial is run as it is printed: its files are made, its commands typed, its answers compared.

A fence says what its block is: ``console`` is a terminal, where ``asako$`` is a command of that person and the
lines below it what both outputs say (``…`` stands for anything); ``toml NAME`` and ``csv NAME`` are a file of
the project; ``toml NAME +`` is added to the end of one.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from renkei_sample import open_city

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial-fourth-system.md"

_FENCE = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"^([a-z]+)\$ (.*)$")


@dataclass(frozen=True, kw_only=True)
class Typed:
    """One command: who typed it, and the lines that it shall answer."""

    person: str
    command: str
    answer: str


_RENKEI = """\
import sys
from pathlib import Path
from renkei.cli import main, place
place._LOGIN = Path("/nowhere")
sys.exit(main())
"""


@dataclass
class Desk:
    """The project that the reader works in, and the terminals of the persons that the page names."""

    folder: Path

    def do(self, kind: str, name: str, text: str) -> None:
        """Make the block's file, or type its commands."""
        if kind == "console":
            for typed in commands(text):
                self.type(typed)
        elif name:
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        name, _, adds = name.partition(" ")
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        assert adds == "+" or not place.exists(), f"{name} would be overwritten"
        before = place.read_text("utf-8") if adds else ""
        place.write_text(before + text, "utf-8")

    def type(self, typed: Typed) -> None:
        said = self.said_by(typed)
        assert agrees(typed.answer, said), f"{typed.command}\n--- expected\n{typed.answer}\n--- said\n{said}"

    def said_by(self, typed: Typed) -> str:
        program = f"{self.terminal()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        more = {"PATH": program, "SUDO_USER": typed.person, "RENKEI_LANG": "en", "TZ": "Asia/Tokyo"}
        done = subprocess.run(
            ["bash", "-c", typed.command],
            cwd=self.folder,
            env={**os.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return done.stdout

    def terminal(self) -> Path:
        """A ``renkei`` for persons whose sign-in the kernel of this machine does not know: sudo's word counts."""
        place = self.folder.parent / "terminal"
        place.mkdir(exist_ok=True)
        program = place / "renkei"
        program.write_text(f"#!{sys.executable}\n{_RENKEI}", "utf-8")
        program.chmod(0o755)
        return place

    def texts(self) -> dict[str, str]:
        """Everything of the project that is declared: the four folders and its settings."""
        folders = ("connectors", "dags", "mappings", "reconciliation")
        files = [
            file for name in folders for file in (self.folder / name).rglob("*") if file.suffix != ".pyc"
        ]
        wanted = [*files, self.folder / "renkei.toml"]
        return {
            str(file.relative_to(self.folder)): file.read_text("utf-8") for file in wanted if file.is_file()
        }


def blocks(page: str) -> Iterator[tuple[str, str, str]]:
    """(kind, name, text) of every fenced block, in order."""
    return (found.groups() for found in _FENCE.finditer(page))  # type: ignore[misc]  # three groups


def commands(text: str) -> list[Typed]:
    made: list[Typed] = []
    for line in text.splitlines():
        prompt = _PROMPT.match(line)
        if prompt:
            made.append(Typed(person=prompt[1], command=prompt[2], answer=""))
        else:
            last = made.pop()
            made.append(Typed(person=last.person, command=last.command, answer=f"{last.answer}{line}\n"))
    return made


def agrees(expected: str, said: str) -> bool:
    """Whether they are the same but for blanks at line ends and for what ``…`` stands for."""
    wanted, found = ("\n".join(map(str.rstrip, text.strip().splitlines())) for text in (expected, said))
    pattern = ".*?".join(re.escape(part) for part in wanted.split("…"))
    return re.fullmatch(pattern, found, re.DOTALL) is not None


@pytest.fixture
def desk(tmp_path: Path, registry_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("RENKEI_DATABASE_URL", registry_url)
    for name in ("RENKEI_VAR", "RENKEI_PROJECT", "RENKEI_FAILPOINTS"):
        monkeypatch.delenv(name, raising=False)
    yield Desk(folder=tmp_path)
    if (tmp_path / "var" / "sample").is_dir():
        city = open_city(tmp_path / "var")
        city.stop()
        shutil.rmtree(city.home, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(400)  # some thirty commands, each a program of its own
def test_every_step_of_the_page_does_what_the_page_says(desk: Desk) -> None:
    before: dict[str, str] = {}
    new: list[str] = []

    for kind, name, text in blocks(PAGE.read_text("utf-8")):
        if name == "mappings/care.toml":
            before = desk.texts()
        desk.do(kind, name, text)
        if "apply 1" in text:
            new = [name for name, held in desk.texts().items() if before.get(name) != held]

    assert new == ["mappings/care.toml"]  # a system comes by one text, and nothing else is touched


def test_an_answer_that_the_page_does_not_tell_is_found(desk: Desk) -> None:
    desk.type(Typed(person="asako", command="echo three; echo four >&2", answer="three\n…\n"))

    with pytest.raises(AssertionError):
        desk.type(Typed(person="asako", command="echo three; echo four", answer="three\n"))


def test_a_file_of_the_page_is_never_written_over(desk: Desk) -> None:
    desk.write("mappings/care.toml", "a = 1\n")
    desk.write("mappings/care.toml +", "b = 2\n")

    assert (desk.folder / "mappings" / "care.toml").read_text("utf-8") == "a = 1\nb = 2\n"
    with pytest.raises(AssertionError):
        desk.write("mappings/care.toml", "a = 2\n")


def test_the_page_types_only_commands_that_there_are() -> None:
    typed = [
        each
        for kind, _, text in blocks(PAGE.read_text("utf-8"))
        if kind == "console"
        for each in commands(text)
    ]

    assert {each.person for each in typed} == {"asako", "bunta"}
    assert len(typed) > 15
