"""Every link inside the documents leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changes").glob("*.md")])


def links(text: str) -> Iterator[str]:
    return (
        link
        for link in LINK.findall(FENCE.sub("", text))
        if "://" not in link and not link.startswith("mailto:")
    )


def anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {anchor(line.lstrip("#")) for line in FENCE.sub("", text).splitlines() if line.startswith("#")}


def leads_nowhere(page: Path, link: str) -> bool:
    name, _, wanted = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return True
    return bool(wanted) and target.suffix == ".md" and wanted not in anchors(target.read_text("utf-8"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert [link for link in links(page.read_text("utf-8")) if leads_nowhere(page, link)] == []


def test_every_document_is_reached_from_the_map() -> None:
    seen, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        inside = (link.partition("#")[0] for link in links(page.read_text("utf-8")))
        waiting += [(page.parent / link).resolve() for link in inside if link]

    assert set((ROOT / "docs").rglob("*.md")) - seen == set()


# the known-bad twins -----------------------------------------------------------------------------


def test_a_link_to_nothing_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A word\n[a](#a-word) [b](#another) [c](gone.md) [d](page.md#a-word) [e](https://city.example/)\n"
    )

    assert [link for link in links(page.read_text()) if leads_nowhere(page, link)] == ["#another", "gone.md"]


def test_a_link_inside_an_example_is_no_link() -> None:
    assert list(links("```sh\n[a](b)\n```\n[c](d)\n")) == ["d"]
