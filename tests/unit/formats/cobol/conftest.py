"""The COBOL programs, compiled once a session."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.formats.cobol.gnucobol import compile_program


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A program by its name and compiler options."""
    made: dict[tuple[str, ...], Path] = {}
    folder = tmp_path_factory.mktemp("programs")

    def compiled(name: str, *options: str) -> Path:
        if (name, *options) not in made:
            made[name, *options] = compile_program(name, folder, *options)
        return made[name, *options]

    return compiled
