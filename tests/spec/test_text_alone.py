"""The systems are mapped by text alone: the engine knows none of them, and their folder holds no program."""

import ast
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from renkei.records import RECORD_TYPES

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "src" / "renkei"
#: What a mapping may be made of: declarations, schemas, layouts, tables of towns.
TEXTS = frozenset({".toml", ".xsd", ".cpy", ".csv", ".json"})


def systems() -> frozenset[str]:
    """Every system that this city's mappings, or a pack's, declare."""
    files = [*(ROOT / "mappings").glob("*.toml"), *(ROOT / "packs").glob("*/mappings/*.toml")]
    return frozenset(tomllib.loads(file.read_text("utf-8"))["system"] for file in files)


def decisions(source: str, named: frozenset[str]) -> Iterator[tuple[int, str]]:
    """(line, text) of every constant that is a system, or a feed of one.

    A name that is also a record type (``tax``) is one only where it is compared with a system or a feed.
    """
    feed = re.compile(rf"({'|'.join(sorted(map(re.escape, named)))})(\.[a-z_]+)?")
    tree = ast.parse(source)
    beside = {part for node in ast.walk(tree) if is_of_system(node) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if feed.fullmatch(node.value) and (node.value not in RECORD_TYPES or node in beside):
            yield node.lineno, node.value


def is_of_system(node: ast.AST) -> bool:
    """A comparison or a ``match`` that has a system or a feed on one of its sides."""
    if not isinstance(node, ast.Compare | ast.Match):
        return False
    sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else [node.subject]
    return any(re.search("system|feed", ast.unparse(side)) for side in sides)


def programs(folder: Path) -> list[str]:
    """Files that are no text of a mapping, links, and what may be executed."""
    files = [file for file in sorted(folder.rglob("*")) if not file.is_dir() or file.is_symlink()]
    return [
        file.name
        for file in files
        if file.is_symlink() or file.suffix not in TEXTS or file.stat().st_mode & 0o111
    ]


def test_no_system_is_named_in_the_engine() -> None:
    named = systems()

    found = [
        f"{file.relative_to(ROOT)}:{line}: {text}"
        for file in sorted(ENGINE.rglob("*.py"))
        for line, text in decisions(file.read_text("utf-8"), named)
    ]

    assert {"juki", "tax", "welfare"} <= named
    assert found == []


def test_no_query_of_the_engine_names_a_system() -> None:
    word = re.compile(rf"'({'|'.join(sorted(systems()))})(\.[a-z_]+)?'")

    found = [file.name for file in sorted(ENGINE.rglob("*.sql")) if word.search(file.read_text("utf-8"))]

    assert word.search("WHERE feed = 'tax.taxpayer'")
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'if feed.system == "tax":\n    pass',
        'if feed.id in {"tax.taxpayer"}:\n    pass',
        'WIDTHS = {"juki": 10}',
        'if "welfare" == name:\n    pass',
        'match feed.system:\n    case "tax":\n        pass',
    ],
)
def test_a_branch_by_system_is_found(source: str) -> None:
    assert list(decisions(source, systems()))


@pytest.mark.parametrize(
    "source", ['record == "tax"', 'say("連携データ（例 tax.taxpayer）")', 'PLAIN = {"tax": "levy"}']
)
def test_a_record_type_and_a_sentence_are_no_branch(source: str) -> None:
    assert list(decisions(source, systems())) == []


@pytest.mark.parametrize("folder", [ROOT / "mappings", *sorted((ROOT / "packs").glob("*/mappings"))], ids=str)
def test_a_folder_of_mappings_holds_no_program(folder: Path) -> None:
    assert programs(folder) == []


def test_a_program_among_the_mappings_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "mappings"
    shutil.copytree(ROOT / "mappings", folder)
    (folder / "tax.py").write_text("print()", "utf-8")
    (folder / "codes" / "sex_digit.toml").chmod(0o755)
    (folder / "link.toml").symlink_to(folder / "tax.toml")

    assert programs(folder) == ["sex_digit.toml", "link.toml", "tax.py"]
