"""What mends a cause: which file of the city's declarations, on which line, or the sending department."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from renkei.quarantine.causes import Cause
from renkei.records import SENSITIVITIES, Sensitivity, sensitivity_of

if TYPE_CHECKING:
    from renkei.mapping import Mapping as FeedMapping
    from renkei.mapping.declaration import FieldRule
    from renkei.mapping.steps import Step
    from renkei.project import Project
    from renkei.views import RejectView

Who = Literal["codes", "mapping", "sender", "confirm"]


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """The table that does not know a code: its name, its codes and words, and the steps before it."""

    table: str
    codes: tuple[str, ...]
    words: tuple[str, ...]
    before: tuple["Step", ...]


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What to do next, for people (``says`` in Japanese and English) and where.

    ``who`` mends it: ``codes`` a row in a code table, ``mapping`` the mapping's text, ``sender`` the
    department that sent it, or (``confirm``) says that it is right. ``file`` is relative to the project.
    """

    who: Who
    says: tuple[str, str]
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Single:
    """One reject as a remedy sees it: where its fault is."""

    feed: str
    field: str
    code: str
    target: str | None
    last_as_of: date = date.max


#: What a remedy is looked up for: a whole cause, or one reject.
Faulty = Cause | Single


def remedy(project: "Project", cause: Faulty) -> Remedy:
    """What mends this cause; what we cannot mend ourselves goes back to the sending department."""
    mapping = project.mappings.get(cause.feed)
    unknown = table_of(mapping.at(cause.last_as_of), cause) if mapping else None
    if unknown is not None:
        table = f"mappings/codes/{unknown.table}.toml"
        return Remedy(who="codes", file=table, says=_said("codes", file=table, feed=cause.feed))
    file, line = (None, None) if mapping is None else place_of(project.root, mapping, cause)
    who: Who = _text(cause.code)["who"]
    where = f"{file}:{line}" if file else f"mappings ({cause.feed})"
    return Remedy(
        who=who, file=file, line=line, says=_said(who, file=where, feed=cause.feed, field=cause.field)
    )


def remedy_of(project: "Project", reject: "RejectView") -> Remedy:
    """What mends a single reject."""
    target = target_of(reject.detail)
    return remedy(project, Single(feed=reject.feed, field=reject.field, code=reject.code, target=target))


def target_of(detail: str) -> str | None:
    """The column that a reject's field could not fill, as its detail says."""
    words = [word.removeprefix("to=") for word in detail.split() if word.startswith("to=")]
    return words[0] if words else None


def correction(code: str) -> tuple[str, str]:
    """What the sending department is asked to correct, in Japanese and English."""
    entry = _text(code)
    return entry["correct_ja"], entry["correct_en"]


def reason(code: str) -> tuple[str, str]:
    """What is wrong, in one sentence without facts, in Japanese and English."""
    entry = _text(code)
    return entry["what_ja"].format(code=code), entry["what_en"].format(code=code)


def rows_for(unknown: Unknown, values: Iterable[str]) -> str:
    """Rows for the table, without the word that a person must choose: until it is there, nothing loads."""
    words = " | ".join(unknown.words)
    rows = (f'[[codes]]\ncode = {_quoted(value)}\nto =     # {words}\nlabel = ""\n' for value in values)
    return "\n".join(rows)


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


def table_of(mapping: "FeedMapping", cause: Faulty) -> Unknown | None:
    """The code table behind an unknown code, or None for any other cause."""
    if cause.code != "E_UNKNOWN_CODE":
        return None
    for rule in _rules(mapping, cause):
        names = [step.name for step in rule.steps]
        if rule.to == cause.target and "code" in names:
            place = names.index("code")
            table = mapping.codes[str(rule.steps[place].argument)]
            return Unknown(
                table=table.name,
                codes=tuple(code.source for code in table.codes),
                words=tuple(sorted(table.words)),
                before=rule.steps[:place],
            )
    return None


def class_of(mapping: "FeedMapping", cause: Faulty) -> Sensitivity:
    """The strictest class of all columns that the field fills: whatever it holds is shown by that."""
    classes = [
        rule.sensitivity or sensitivity_of(mapping.feed.record, rule.to) for rule in _rules(mapping, cause)
    ]
    return max(classes, key=SENSITIVITIES.index, default="guarded")


def _rules(mapping: "FeedMapping", cause: Faulty) -> list["FieldRule"]:
    return [rule for rule in mapping.fields if cause.field in rule.sources]


def place_of(root: Path, mapping: "FeedMapping", cause: Faulty) -> tuple[str | None, int | None]:
    """The file and line where the mapping fills the column from this field."""
    from renkei.mapping.lines import locate

    for place in sorted((root / "mappings").glob("*.toml")):
        text = place.read_text("utf-8")
        declared = tomllib.loads(text)
        if declared.get("system") != mapping.feed.system:
            continue
        for number, feed in enumerate(declared["feed"]):
            if feed["name"] == mapping.feed.name:
                at = ("feed", number, *_field_at(feed, cause))
                return str(place.relative_to(root)), locate(text).of(at)
    return None, None


def _field_at(feed: Mapping[str, Any], cause: Faulty) -> tuple[str | int, ...]:
    targets = [row["to"] for row in feed["field"]]
    return ("field", targets.index(cause.target)) if cause.target in targets else ()


def _said(who: Who, **facts: str) -> tuple[str, str]:
    texts = _texts()["next"][who]
    return texts["ja"].format(**facts), texts["en"].format(**facts)


def _text(code: str) -> Mapping[str, Any]:
    known: Mapping[str, Mapping[str, Any]] = _texts()["code"]
    return known.get(code, known["other"])


@cache
def _texts() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("renkei.quarantine").joinpath("remedies.toml").read_text("utf-8"))
