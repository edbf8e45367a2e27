"""What differs in meaning between two mappings of a feed, or between two days of one.

Comments, notes and the order of the file do not count. A change that holds in the base and in its versions
is told once, from the first day that it holds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from renkei.language import say
from renkei.mapping.codes import CodeTable
from renkei.mapping.declaration import FieldRule
from renkei.mapping.declaration import Mapping as FeedMapping
from renkei.mapping.steps import Step

Kind = Literal["added", "removed", "changed"]
#: Name of a thing and of what is compared of it → its value as text.
Facts = Mapping[tuple[str, str, str], str]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference. ``part`` is what kind of thing it is of (:data:`PARTS`), ``name`` which one, ``detail``
    what of it (``steps``, ``sources`` …; empty: the thing as a whole); ``since`` is the first day of the
    version that it begins with, None from the beginning.
    """

    part: str
    name: str
    detail: str
    kind: Kind
    was: str | None
    now: str | None
    since: date | None = None

    @property
    def text(self) -> str:
        """One line in the language of the person."""
        return say(self.ja, self.en)

    @property
    def ja(self) -> str:
        """One line in Japanese."""
        since = f"{self.since}から " if self.since else ""
        detail = f"の{DETAILS.get(self.detail, (self.detail,))[0]}" if self.detail else ""
        values = f"：{self._values}" if self._values else ""
        gap = " " if self.name[-1:].isascii() else ""
        return f"{since}{PARTS[self.part][0]} {self.name}{gap}{detail}{_KINDS[self.kind][0]}{values}"

    @property
    def en(self) -> str:
        """One line in English."""
        since = f"from {self.since}: " if self.since else ""
        detail = f", {DETAILS.get(self.detail, ('', self.detail))[1]}" if self.detail else ""
        values = f": {self._values}" if self._values else ""
        return f"{since}{PARTS[self.part][1]} {self.name}{detail}{_KINDS[self.kind][1]}{values}"

    @property
    def _values(self) -> str:
        said = [text for text in (self.was, self.now) if text is not None]
        return " → ".join(text or "∅" for text in said) if any(said) else ""


#: What can differ → its word in Japanese and English.
PARTS: Mapping[str, tuple[str, str]] = {
    "feed": ("連携データ", "feed"),
    "setting": ("接続の設定", "setting"),
    "format": ("書式", "format"),
    "column": ("元の列", "raw column"),
    "field": ("項目", "field"),
    "code": ("コード", "code"),
    "expectation": ("期待", "expectation"),
    "example": ("例", "example"),
    "files": ("書式が使うファイル", "files of the format"),
}
DETAILS: Mapping[str, tuple[str, str]] = {
    "from": ("元の列", "from"),
    "steps": ("処理", "steps"),
    "value": ("固定値", "constant"),
    "join": ("結合文字", "join"),
    "pick": ("先頭優先", "pick"),
    "required": ("必須", "required"),
    "max": ("最大長", "max"),
    "sensitivity": ("機微区分", "sensitivity"),
    "rank": ("優先順位", "rank"),
    "size": ("件数の範囲", "size"),
    "version_by": ("版を決める日", "version by"),
    "contract": ("取り決め", "contract"),
    "towns": ("町字の表", "towns"),
    "delivers": ("受信の形", "delivers"),
    "schedule": ("予定", "schedule"),
    "lag": ("反映待ち", "lag"),
    "record": ("記載の種類", "record"),
}
_KINDS: Mapping[Kind, tuple[str, str]] = {
    "added": ("を追加", " added"),
    "removed": ("を削除", " removed"),
    "changed": ("を変更", " changed"),
}
#: Of a mapping: told elsewhere, or no meaning of its own.
_NOT_TOLD = frozenset(
    {"feed", "digest", "fields", "codes", "expect", "examples", "towns", "versions", "file"}
)
#: Of a feed: its id says them, or they are told key by key.
_FEED_APART = frozenset({"system", "name", "settings", "format"})
_FORMAT_APART = frozenset({"columns", "key"})
#: Attribute of a field's rule → the word that a mapping writes for it, where they differ.
_WRITTEN = {"sources": "from", "most": "max", "pick_first": "pick"}


def difference(old: FeedMapping, new: FeedMapping) -> tuple[Change, ...]:
    """Every difference between two mappings of one feed: the base first, then version by version."""
    told: list[Change] = []
    before: set[Change] = set()
    for since in (None, *_days(old, new)):
        found = _one(_at(old, since), _at(new, since))
        told += [replace(change, since=since) for change in found if change not in before]
        before = set(found)
    if not told and old.digest != new.digest:
        told.append(_elsewhere(old, new))
    return tuple(told)


def between(mapping: FeedMapping, first: date, second: date) -> tuple[Change, ...]:
    """What the mapping does otherwise on the second day than on the first: its versions, its valid codes."""
    return difference(on(mapping, first), on(mapping, second))


def whole_feed(mapping: FeedMapping, *, kind: Kind) -> Change:
    """A feed that is new, or gone."""
    said = f"{len(mapping.fields)} → {mapping.feed.record}"
    was, now = (said, None) if kind == "removed" else (None, said)
    return Change(part="feed", name=mapping.feed.id, detail="", kind=kind, was=was, now=now)


def on(mapping: FeedMapping, day: date) -> FeedMapping:
    """The mapping as it works on one day: one version, and the codes that are valid then, without dates."""
    there = mapping.at(day)
    codes = {name: _valid(table, day) for name, table in there.codes.items()}
    return replace(there, codes=codes, versions=(), digest="")


def written(steps: Iterable[Step]) -> str:
    """Steps in the words of a mapping: ``trim, { wareki = "GYYMMDD", unknown = "00" }``."""
    return ", ".join(_step(step) for step in steps)


def _step(step: Step) -> str:
    if step.argument is None and not step.options:
        return step.name
    argument = True if step.argument is None else step.argument
    return _toml({step.name: argument, **step.options})


def _valid(table: CodeTable, day: date) -> CodeTable:
    rows = [
        {name: value for name, value in row.items() if name not in ("valid_from", "valid_to")}
        for row in table.declared["codes"]
        if row.get("valid_from", date.min) <= day <= row.get("valid_to", date.max)
    ]
    return replace(table, declared={**table.declared, "codes": rows})


def _days(old: FeedMapping, new: FeedMapping) -> list[date]:
    return sorted({day for mapping in (old, new) for day, _ in mapping.versions})


def _at(mapping: FeedMapping, since: date | None) -> FeedMapping:
    return mapping if since is None else mapping.at(since)


def _elsewhere(old: FeedMapping, new: FeedMapping) -> Change:
    """The digests differ and nothing above does: a file that the format names, or notes and order."""
    return Change(
        part="files", name=new.feed.id, detail="", kind="changed", was=old.digest[:12], now=new.digest[:12]
    )


def _one(old: FeedMapping, new: FeedMapping) -> list[Change]:
    """Differences of one version from another; a thing that is new or gone is told in one line."""
    was, now = _facts(old), _facts(new)
    things_was, things_now = ({place[:2] for place in facts} for facts in (was, now))
    return [
        *(_whole(thing, "removed", was) for thing in _in_order(was) if thing not in things_now),
        *(_whole(thing, "added", now) for thing in _in_order(now) if thing not in things_was),
        *(change for change in _changed(was, now) if (change.part, change.name) in things_was & things_now),
    ]


def _in_order(facts: Facts) -> list[tuple[str, str]]:
    return list(dict.fromkeys((part, name) for part, name, _ in facts))


def _whole(thing: tuple[str, str], kind: Kind, facts: Facts) -> Change:
    parts = [(detail, text) for (part, name, detail), text in facts.items() if (part, name) == thing and text]
    said = "; ".join(f"{detail} = {text}" if detail else text for detail, text in parts)
    was, now = (said, None) if kind == "removed" else (None, said)
    return Change(part=thing[0], name=thing[1], detail="", kind=kind, was=was, now=now)


def _changed(was: Facts, now: Facts) -> Iterator[Change]:
    for place in dict.fromkeys((*was, *now)):
        before, after = was.get(place, ""), now.get(place, "")
        if before != after:
            part, name, detail = place
            yield Change(part=part, name=name, detail=detail, kind="changed", was=before, now=after)


def _facts(mapping: FeedMapping) -> dict[tuple[str, str, str], str]:
    """Everything that a mapping says, a text each."""
    return {
        **_of_feed(mapping),
        **_of_format(mapping),
        **{
            ("field", rule.to, name): text for rule in mapping.fields for name, text in _of_rule(rule).items()
        },
        **_of_codes(mapping.codes),
        **_numbered("expectation", ((each.field, vars(each)) for each in mapping.expect)),
        **_numbered("example", ((each.title, vars(each)) for each in getattr(mapping, "examples", ()))),
    }


def _of_feed(mapping: FeedMapping) -> dict[tuple[str, str, str], str]:
    feed = mapping.feed
    own = {name: _text(value) for name, value in vars(feed).items() if name not in _FEED_APART}
    more = {each.name: _text(getattr(mapping, each.name)) for each in fields(mapping)}
    told = {name: text for name, text in more.items() if name not in _NOT_TOLD}
    towns = {"towns": mapping.towns.digest[:12] if mapping.towns else ""}
    return {
        **{("feed", feed.id, name): text for name, text in {**own, **told, **towns}.items()},
        **{("setting", name, ""): _text(value) for name, value in feed.settings.items()},
    }


def _of_format(mapping: FeedMapping) -> dict[tuple[str, str, str], str]:
    declared = mapping.feed.format
    keys = {name: value for name, value in declared.items() if name not in _FORMAT_APART}
    columns = {column["name"]: column for column in declared.get("columns", ())}
    return {
        **{("format", name, ""): _place(value) for name, value in keys.items()},
        **{
            ("column", name, ""): _text({key: each for key, each in column.items() if key != "name"})
            for name, column in columns.items()
        },
    }


def _place(value: object) -> str:
    """A file beside the mapping by its name: where the project lies is no part of what it says."""
    if isinstance(value, str) and value.startswith("/"):
        return Path(value).name
    return _text(value)


def _of_rule(rule: FieldRule) -> dict[str, str]:
    return {
        _WRITTEN.get(name, name): written(value) if name == "steps" else _text(value)
        for name, value in vars(rule).items()
        if name not in ("to", "line")
    }


def _of_codes(codes: Mapping[str, CodeTable]) -> dict[tuple[str, str, str], str]:
    said: dict[tuple[str, str, str], str] = {}
    for name, table in codes.items():
        said["code", f"{name}.match", ""] = "prefix" if table.by_prefix else "whole"
        for row in table.declared["codes"]:
            place = ("code", f"{name}.{row['code']}", "")
            said[place] = " / ".join(text for text in (said.get(place, ""), _code(row)) if text)
    return said


def _code(row: Mapping[str, Any]) -> str:
    days = [str(row.get(name, "")) for name in ("valid_from", "valid_to")]
    label = f"（{row['label']}）" if row.get("label") else ""
    says = f"✗ {row['refuse']}" if "refuse" in row else f"= {row['to'] or '∅'}"
    return says + label + (f" {days[0]}…{days[1]}" if any(days) else "")


def _numbered(part: str, named: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[tuple[str, str, str], str]:
    """Things that may share a name: the second one is ``name 2``."""
    said: dict[tuple[str, str, str], str] = {}
    times: dict[str, int] = {}
    for name, facts in named:
        times[name] = times.get(name, 0) + 1
        full = name if times[name] == 1 else f"{name} {times[name]}"
        own = {key: value for key, value in facts.items() if key not in ("field", "title", "line")}
        said |= {(part, full, key): _text(value) for key, value in own.items()}
    return said


def _text(value: object) -> str:
    """A declared value as a reader would write it; nothing is empty."""
    if value is None or value is False or value in ("", (), [], {}):
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(each) for each in value)
    if is_dataclass(value):
        return _toml(vars(value))
    return _toml(value) if isinstance(value, Mapping) else "✓" if value is True else str(value)


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
