"""Writes docs/errors.md from the error catalogue; ``--check`` only says whether it is up to date."""  # noqa: INP001 - a program, not part of a package

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ROOT / "src" / "renkei" / "error_catalogue.toml"
PAGE = ROOT / "docs" / "errors.md"
HEAD = """\
# Error codes / エラーコード

Written by `docs/generate_errors.py` from `src/renkei/error_catalogue.toml`; change it there.
In a terminal: `renkei explain E_CODE`.

Each says what happened, what was kept safe, and what to do next. Words in braces are filled with ids,
counts and names of fields, never with a resident's data.
波括弧の中には番号・件数・項目名だけが入り、住民の情報は入りません。
"""
PARTS = (
    ("what", "起きたこと", "what happened"),
    ("safe", "守られたもの", "kept safe"),
    ("next", "次にすること", "what next"),
)


def page(catalogue: Mapping[str, Mapping[str, str]]) -> str:
    """The whole page; codes in order of the alphabet."""
    lines = [HEAD]
    for code in sorted(catalogue):
        lines += [f"## {code}", "", *_table(catalogue[code]), ""]
    return "\n".join(lines)


def read() -> dict[str, dict[str, str]]:
    """The catalogue as it is written."""
    return tomllib.loads(CATALOGUE.read_text("utf-8"))


def main() -> int:
    """Write the page, or with ``--check`` compare it: 0 when nothing differs."""
    text = page(read())
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text("utf-8") == text else 1
    PAGE.write_text(text, "utf-8")
    return 0


def _table(texts: Mapping[str, str]) -> Iterator[str]:
    yield "| | 日本語 | English |"
    yield "|---|---|---|"
    for part, japanese, english in PARTS:
        yield f"| {japanese} / {english} | {_cell(texts[f'{part}_ja'])} | {_cell(texts[f'{part}_en'])} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
