"""From what is odd to the change of text that would take it: a unified diff that a person completes.

Nothing is decided here. A reason and the meaning of a new code are left to be written, and where no change of
text can help (a column that came empty, far fewer records) none is proposed. Comments and order stay.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from renkei.mapping import check
from renkei.mapping.contract.finding import Finding
from renkei.mapping.contract.finding import from_json as finding_from
from renkei.mapping.lines import locate

#: What a person has yet to write.
TO_SAY = "要記入 (to be said)"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The changed files by name, their unified diff, and the findings that no change of text answers."""

    files: Mapping[str, str]
    diff: str
    unanswered: tuple[Finding, ...]


def propose(files: Mapping[str, str], findings: Sequence[Finding], *, file: str, feed: str) -> Proposal:
    """Change the text of a mapping (``file``) and its code tables (``codes/….toml``) for one feed.

    ``files`` are names below ``mappings/`` with their texts.
    """
    made = dict(files)
    unanswered = []
    for finding in findings:
        changed = _answer(made, finding, file=file, feed=feed)
        if changed is None or changed == made:
            unanswered.append(finding)
        else:
            made = changed
    return Proposal(
        files={name: text for name, text in made.items() if text != files[name]},
        diff="".join(_diff(name, files[name], made[name]) for name in sorted(made)),
        unanswered=tuple(unanswered),
    )


def told_by(code: str, facts: Mapping[str, Any]) -> tuple[Finding, ...]:
    """The findings behind the reason for which a delivery was held or refused."""
    if code == "E_COLUMN_UNEXPECTED":
        return (Finding(kind="unexpected", column=facts["column"]),)
    if code == "E_COLUMN_MISSING":
        near = "" if facts["nearest"] == "—" else facts["nearest"]
        return (Finding(kind="missing", column=facts["column"], other=near),)
    return tuple(finding_from(each) for each in facts.get("findings", ()))


def _diff(name: str, before: str, after: str) -> str:
    lines = (before.splitlines(keepends=True), after.splitlines(keepends=True))
    return "".join(difflib.unified_diff(*lines, f"a/mappings/{name}", f"b/mappings/{name}"))


Texts = dict[str, str]


def _answer(files: Texts, finding: Finding, *, file: str, feed: str) -> Texts | None:
    """The files after one finding is answered; None where text cannot answer it."""
    block = _Block.of(files[file], feed)
    if finding.kind == "unknown_code":
        return _with_codes(files, block, finding)
    answers: dict[str, Callable[[_Block, Finding], str | None]] = {
        "unexpected": _ignored,
        "missing": _renamed,
        "swapped": _exchanged,
        "too_long": _wider,
    }
    answer = answers.get(finding.kind)
    text = answer(block, finding) if answer else None
    return None if text is None else files | {file: text}


@dataclass(frozen=True, kw_only=True)
class _Block:
    """The lines of one feed in its file: from ``start`` on (from 0), up to ``end``."""

    lines: tuple[str, ...]
    start: int
    end: int
    declared: Mapping[str, Any]

    @classmethod
    def of(cls, text: str, feed: str) -> "_Block":
        feeds = tomllib.loads(text)["feed"]
        number = next(place for place, each in enumerate(feeds) if each["name"] == feed)
        places, lines = locate(text), tuple(text.splitlines(keepends=True))
        is_last = number + 1 == len(feeds)
        end = len(lines) if is_last else places.of(("feed", number + 1)) - 1
        start = places.of(("feed", number)) - 1
        return cls(lines=lines, start=start, end=end, declared=feeds[number])

    def replaced(self, change: Callable[[str, str], str]) -> str:
        """The text with every line of the block changed by ``change(key, line)``."""
        made = [change(key, line) for key, line in self._keyed()]
        return "".join((*self.lines[: self.start], *made, *self.lines[self.end :]))

    def _keyed(self) -> Iterator[tuple[str, str]]:
        """Each line with the key that it belongs to, where need be that of an earlier line."""
        table = key = ""
        for line in self.lines[self.start : self.end]:
            if header := _HEADER.match(line):
                table, key = header[1].rpartition(".")[2], ""
            elif found := _KEY.match(line):
                key = f"{table}.{found[1]}"
            yield key, line


_HEADER = re.compile(r"\s*\[+\s*([\w.]+)\s*\]+")
_KEY = re.compile(r"\s*(\w+)\s*=")

#: Where a raw column is named.
_NAMES = frozenset({"field.from", "field.steps", "ignored.name", "format.totals", "feed.format"})


def _ignored(block: _Block, finding: Finding) -> str | None:
    """A column that nobody knows is listed under ignored, its reason to be written."""
    if block.declared["format"]["kind"] == "xml":
        return None  # the schema must know it first, and that is the sender's
    new = f'[[feed.ignored]]\nname = {_quoted(finding.column)}\nreason = "{TO_SAY}"\n'
    body = "".join(block.lines[: block.end]).rstrip("\n")
    rest = "".join(block.lines[block.end :])
    return f"{body}\n\n{new}" + (f"\n{rest}" if rest else "")


def _renamed(block: _Block, finding: Finding) -> str | None:
    known = {column["name"] for column in check.raw_columns(block.declared)}
    if not finding.other or finding.other in known:
        return None
    old, new = _quoted(finding.column), _quoted(finding.other)
    return block.replaced(lambda key, line: line.replace(old, new) if key in _NAMES else line)


def _exchanged(block: _Block, finding: Finding) -> str | None:
    """The names change places; in a layout of places the places do."""
    if block.declared["format"]["kind"] in ("fixed", "cobol", "zengin"):
        return _places_exchanged(block, finding)
    one, other = _quoted(finding.column), _quoted(finding.other)
    either = re.compile(f"{re.escape(one)}|{re.escape(other)}")

    def change(key: str, line: str) -> str:
        if key not in _NAMES:
            return line
        return either.sub(lambda found: other if found[0] == one else one, line)

    return block.replaced(change)


def _places_exchanged(block: _Block, finding: Finding) -> str | None:
    columns = {column["name"]: column for column in check.raw_columns(block.declared)}
    one, other = columns[finding.column], columns[finding.other]
    if "at" not in one or "at" not in other or one["bytes"] != other["bytes"]:
        return None
    places = {finding.column: other["at"], finding.other: one["at"]}
    text = "".join(block.lines[block.start : block.end])
    for name, at in places.items():
        # as the manual writes a column: its name, then its place
        text = re.sub(rf"(name\s*=\s*{re.escape(_quoted(name))}\s*[,\n]\s*at\s*=\s*)\d+", rf"\g<1>{at}", text)
    return "".join((*block.lines[: block.start], text, *block.lines[block.end :]))


def _wider(block: _Block, finding: Finding) -> str | None:
    """The declared limit of every field that the column fills becomes the longest value that came."""
    if finding.longest is None:
        return None
    number, limits = -1, {}
    for place, row in enumerate(block.declared["field"]):
        sources = {column["name"] for column in check.columns_of(row.get("from", []))}
        if finding.column in sources and row.get("max", finding.longest) < finding.longest:
            limits[place] = finding.longest
    made = []
    for line in block.lines[block.start : block.end]:
        number += line.lstrip().startswith("[[feed.field]]")
        wide = limits.get(number) if line.lstrip().startswith("max") else None
        made.append(line if wide is None else re.sub(r"=\s*\d+", f"= {wide}", line, count=1))
    return "".join((*block.lines[: block.start], *made, *block.lines[block.end :]))


def _with_codes(files: Texts, block: _Block, finding: Finding) -> Texts | None:
    """New rows of the code tables that the column goes through; what they mean is to be written."""
    made = dict(files)
    for row in block.declared["field"]:
        sources = [column["name"] for column in check.columns_of(row.get("from", []))]
        steps = [step for step in row.get("steps", ()) if isinstance(step, dict) and "code" in step]
        name = f"codes/{steps[0]['code']}.toml" if steps else ""
        if sources != [finding.column] or name not in made:
            continue
        known = {each["code"] for each in tomllib.loads(made[name])["codes"]}
        new = [code for code in finding.codes or {} if code not in known]
        made[name] = made[name].rstrip("\n") + "\n" + "".join(map(_code_row, new))
    return made if made != files else None


def _code_row(code: str) -> str:
    return f'\n[[codes]]\ncode = {_quoted(code)}\nto = ""\nlabel = "{TO_SAY}"\n'


def _quoted(text: str) -> str:
    """A TOML string; what a sender named a column can hold anything."""
    import json

    return json.dumps(text, ensure_ascii=False)
