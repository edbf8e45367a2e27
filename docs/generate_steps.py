"""Writes docs/steps.md from tests/spec/steps/*.toml; ``--check`` only says whether it is up to date."""  # noqa: INP001 - a program, not part of a package

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from renkei.mapping import steps
from renkei.mapping.diff import written

ROOT = Path(__file__).resolve().parents[1]
TABLES = ROOT / "tests" / "spec" / "steps"
PAGE = ROOT / "docs" / "steps.md"
HEAD = """\
# The steps, case by case / 処理の一覧

Written by `docs/generate_steps.py` from `tests/spec/steps/*.toml`; change it there. Every line below is
run as a test. How a mapping names steps: [mapping.md](mapping.md). In a terminal: `renkei mapping try`.

下の表の一行一行が試験として実行されています。∅ は値なし、✗ は取込エラーになることを表します。
空白は見えるように ␣（半角）・□（全角）と書きます。
"""
#: Module of a family → its title in Japanese and English; one without an entry shows its name.
FAMILIES = {
    "text": ("文字列", "Text"),
    "code": ("コード", "Codes"),
    "names": ("氏名・フリガナ", "Names and readings"),
    "dates": ("日付", "Dates"),
    "numbers": ("番号", "Numbers"),
    "strong_ids": ("一人を決める番号", "Numbers that name one person"),
    "places": ("住所", "Places"),
}
#: Signs that a table or a page would swallow → what stands for them.
_SHOWN = str.maketrans({"|": "\\|", " ": "␣", "\u3000": "□", "\n": "⏎", "\t": "⇥", "<": "&lt;", "*": "\\*"})

Table = Mapping[str, Any]


def page(tables: Mapping[str, Table]) -> str:
    """The whole page: families in the order of the steps, tables in the order of their files."""
    lines = [HEAD]
    for family, names in _grouped(tables).items():
        ja, en = FAMILIES.get(family, (family, family))
        lines += [f"## {ja} / {en}", ""]
        for name in names:
            lines += [*_chapter(tables[name]), ""]
    return "\n".join(lines)


def read() -> dict[str, Table]:
    """Every table of cases by the name of its file."""
    return {place.stem: tomllib.loads(place.read_text("utf-8")) for place in sorted(TABLES.glob("*.toml"))}


def main() -> int:
    """Write the page, or with ``--check`` compare it: 0 when nothing differs."""
    text = page(read())
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text("utf-8") == text else 1
    PAGE.write_text(text, "utf-8")
    return 0


def _grouped(tables: Mapping[str, Table]) -> dict[str, list[str]]:
    """Family → its tables, in the order in which the steps are listed."""
    order = {name: kind.build.__module__.rpartition(".")[2] for name, kind in steps.STEPS.items()}
    made: dict[str, list[str]] = {family: [] for family in order.values()}
    for name, table in tables.items():
        made.setdefault(order.get(_subject(name, table), "text"), []).append(name)
    return {family: names for family, names in made.items() if names}


def _subject(name: str, table: Table) -> str:
    """The step that a table is about: the one its file is named after, or the last of its steps."""
    own = table.get("steps") or table["case"][0]["steps"]
    named = [steps.parse(step).name for step in own]
    return name if name in steps.STEPS else named[-1]


def _chapter(table: Table) -> Iterator[str]:
    yield f"### {table['title']} / {table['title_en']}"
    yield ""
    yield table["says"]
    yield ""
    yield table["says_en"]
    yield ""
    if "steps" in table:
        yield f"`{_written(table['steps'])}`"
        yield ""
    is_mixed = any("steps" in case for case in table["case"])
    heads = ["steps"] * is_mixed + ["元の値 / given", "結果 / result", "理由 / why"]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for case in table["case"]:
        cells = [f"`{_code(case.get('steps', table.get('steps', ())))}`"] * is_mixed
        cells += [_given(case), _result(case), f"{_plain(case['why'])} / {_plain(case['why_en'])}"]
        yield f"| {' | '.join(cells)} |"


def _written(declared: Any) -> str:  # noqa: ANN401 - a step, or several
    return written(steps.parse(step) for step in declared)


def _code(declared: Any) -> str:  # noqa: ANN401 - a step, or several
    return _written(declared).replace("|", "\\|")


def _given(case: Table) -> str:
    beside = ", ".join(f"{name} = {_cell(value)}" for name, value in case.get("raw", {}).items())
    day = f"{case['day']}" if "day" in case else ""
    more = "; ".join(filter(None, (beside, day)))
    return _cell(case["given"]) + (f" ({more})" if more else "")


def _result(case: Table) -> str:
    if "refused" in case:
        return f"✗ [{case['refused']}](errors.md#{case['refused'].lower()})"
    return _value(case.get("gives"))


def _value(value: object) -> str:
    if value is None or value == "":
        return "∅"
    if isinstance(value, Mapping):
        return "<br>".join(f"{name} = {_value(part)}" for name, part in value.items())
    return str(value).lower() if isinstance(value, bool) else _cell(str(value))


def _cell(text: str) -> str:
    """A value so that nothing of it is swallowed: what cannot be seen is shown by its code point."""
    shown = text.translate(_SHOWN)
    seen = "".join(each if each.isprintable() else f"U+{ord(each):04X}" for each in shown)
    return seen or "∅"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
