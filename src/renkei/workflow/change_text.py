"""What differs between what is in force and a draft, in words: files, feeds, codes, rules, settings."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from renkei import archive
from renkei.archive import CONFIG
from renkei.mapping.diff import difference
from renkei.project import Project
from renkei.reconcile import Rule

#: Of a rule: what follows from the rest, or says nothing to a reader.
_NOT_TOLD = frozenset({"id", "columns", "file", "digest"})
_RULE_WORDS = {"query": "sql"}
_WHAT = {"added": ("を追加", "added"), "removed": ("を削除", "removed"), "changed": ("を変更", "changed")}


@dataclass(frozen=True, kw_only=True)
class TextChange:
    """One difference. ``about`` is a feed, a rule, or a file; ``ja`` and ``en`` are a line each."""

    about: str
    ja: str
    en: str


def changed_files(base: Project, draft: Project) -> dict[str, str]:
    """File → added, removed or changed, in the order of names."""
    was, now = archive.read(base.root), archive.read(draft.root)
    told = {name: _kind(name in was, name in now) for name in was.keys() | now.keys()}
    return {name: told[name] for name in sorted(told) if was.get(name) != now.get(name)}


#: What is told of feeds and rules where what is in force is no longer understood.
_NOT_UNDERSTOOD = TextChange(
    about="mappings, reconciliation",
    ja="適用中の定義をこの版の連携が読めないため、意味の違いと案件の増減は示せない",
    en="this version cannot read what is in force, so what differs in meaning and in cases is not known",
)


def changes(base: Project, draft: Project, *, is_read: bool = True) -> tuple[TextChange, ...]:
    """Every difference in meaning: feeds first, then rules, the city's settings, and programs by lines.

    ``is_read`` false: ``base`` no longer loads, and its feeds and rules are not compared.
    """
    return (
        *((*_of_feeds(base, draft), *_of_rules(base, draft)) if is_read else (_NOT_UNDERSTOOD,)),
        *_of_settings(base, draft),
        *_of_programs(base, draft),
    )


def _kind(was: bool, now: bool) -> str:  # noqa: FBT001 - two columns of a table
    return "changed" if was and now else "added" if now else "removed"


def _line(about: str, japanese: str, english: str, kind: str, *, more: str = "") -> TextChange:
    ja, en = _WHAT[kind]
    tail = f"：{more}" if more else ""
    return TextChange(
        about=about, ja=f"{japanese}{ja}{tail}", en=f"{english} {en}" + (f": {more}" if more else "")
    )


def _of_feeds(base: Project, draft: Project) -> Iterator[TextChange]:
    was, now = base.mappings, draft.mappings
    for feed in dict.fromkeys((*was, *now)):
        if feed in was and feed in now:
            for change in difference(was[feed], now[feed]):
                yield TextChange(about=feed, ja=change.ja, en=change.en)
        else:
            yield _line(feed, f"連携データ {feed}", f"feed {feed}", _kind(feed in was, feed in now))


def _of_rules(base: Project, draft: Project) -> Iterator[TextChange]:
    was, now = ({rule.id: rule for rule in project.rules} for project in (base, draft))
    for rule in sorted(was.keys() | now.keys()):
        if rule in was and rule in now:
            yield from _of_rule(was[rule], now[rule])
        else:
            yield _line(rule, f"規則 {rule}", f"rule {rule}", _kind(rule in was, rule in now))


def _of_rule(was: Rule, now: Rule) -> Iterator[TextChange]:
    before, after = vars(was), vars(now)
    for name in (name for name in after if name not in _NOT_TOLD and before[name] != after[name]):
        word = _RULE_WORDS.get(name, name)
        more = _lines(was.query, now.query) if name == "query" else _values(before[name], after[name])
        yield _line(was.id, f"規則 {was.id} の {word} ", f"rule {was.id}, {word}", "changed", more=more)


def _values(was: object, now: object) -> str:
    """Short values as they are; what is long is only said to differ."""
    texts = [str(value) for value in (was, now)]
    return " → ".join(texts) if all(len(text) <= 80 for text in texts) else ""


def _of_settings(base: Project, draft: Project) -> Iterator[TextChange]:
    was, now = (
        dict(_flat(tomllib.loads((project.root / CONFIG).read_text("utf-8")))) for project in (base, draft)
    )
    for name in dict.fromkeys((*was, *now)):
        if was.get(name) != now.get(name):
            more = " → ".join(text or "∅" for text in (was.get(name, ""), now.get(name, "")))
            yield _line(
                CONFIG, f"設定 {name} ", f"setting {name}", _kind(name in was, name in now), more=more
            )


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            for nth, each in enumerate(value, 1):
                yield from _flat(
                    {key: text for key, text in each.items() if key != "id"} or {"id": each.get("id")},
                    f"{above}{name}.{each.get('id', nth)}.",
                )
        else:
            yield f"{above}{name}", str(value)


def _of_programs(base: Project, draft: Project) -> Iterator[TextChange]:
    """Connectors and files that a format names: how many lines, for their content is read in an editor."""
    was, now = archive.read(base.root), archive.read(draft.root)
    for name, kind in changed_files(base, draft).items():
        if name != CONFIG and not name.endswith(".toml"):
            before, after = (files.get(name, b"").decode("utf-8", "replace") for files in (was, now))
            more = _lines(before, after)
            yield _line(name, f"ファイル {name} ", f"file {name}", kind, more=more)


def _lines(was: str, now: str) -> str:
    told = [line[0] for line in list(unified_diff(was.splitlines(), now.splitlines(), n=0))[2:]]
    return f"+{told.count('+')} −{told.count('-')}"
