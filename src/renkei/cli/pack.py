"""``renkei pack``: mappings and rules that another city wrote, carried as a folder (連携パック)."""

import argparse
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import renkei
from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json
from renkei.cli.width import table
from renkei.errors import FixDeclaration, Stop
from renkei.language import say

#: What a pack may bring: text, never a program.
_FOLDERS = ("mappings", "reconciliation")
_TEXTS = frozenset({".toml", ".csv", ".xsd", ".cpy", ".json"})
_RULES = "reconciliation"


def declare(parser: Parser) -> None:
    """``list`` and ``add``."""
    add_json(parser.verb("list", _list, say("同梱のパックの一覧", "the packs that come along")))
    added = parser.verb("add", _add, say("プロジェクトに加える", "add one to the project"))
    text = say("同梱のパックの名前、またはフォルダ", "a pack that comes along, or a folder")
    added.option("pack", text, metavar="PACK")
    added.option("--dry-run", say("何も書かずに見る", "only show"), action="store_true")
    add_json(added)


def _list(asked: argparse.Namespace) -> int:
    packs = [
        {"name": folder.name, "title": _title(folder), "files": len(list(_texts(folder)))}
        for folder in sorted(_shelf().iterdir())
        if folder.is_dir()
    ]
    foreign = _not_here()
    if asked.json:
        answer("renkei.packs/1", {"packs": packs, "not_here": foreign})
        return exits.OK
    heads = (say("パック", "pack"), say("内容", "what"), say("ファイル", "files"))
    show(table(heads, [(each["name"], each["title"], each["files"]) for each in packs]))
    _tell_not_here(foreign)
    return exits.OK


def _not_here() -> list[dict[str, Any]]:
    """Rules of the project's packs that want feeds which the city has not got."""
    from renkei.reconcile import load_rulebook

    try:
        book = load_rulebook(place.project().root / _RULES)
    except FixDeclaration:
        return []  # no project, or one whose declarations are wrong: renkei plan tells everything of that
    return [{"rule": each.rule_id, "file": each.file, "wants": list(each.wants)} for each in book.not_here]


def _tell_not_here(foreign: list[dict[str, Any]]) -> None:
    for each in foreign:
        wants = ", ".join(each["wants"])
        text = say(
            f"{each['rule']}：この市では使いません（必要な連携データ {wants}）",
            f"{each['rule']}: not for this city: wants {wants}",
        )
        tell(text)
    if foreign:
        tell(
            say(
                "別の名前の連携データがあれば reconciliation/city.toml の [feeds] に書いてください。",
                "If the city has them by other names, write these under [feeds] in reconciliation/city.toml.",
            )
        )


def _add(asked: argparse.Namespace) -> int:
    source, target = _found(asked.pack), place.project().root
    files = {file: _place_of(file.relative_to(source), source) for file in _carried(source)}
    taken = {each: None for name in files.values() if (each := _in_the_way(target, name)) is not None}
    if taken:
        raise Stop("E_EXISTS", path=", ".join(map(str, taken)))
    if not asked.dry_run:
        for file, name in files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / name)
    brings_rules = any(name.parts[0] == _RULES for name in files.values())
    foreign = _not_here() if brings_rules and not asked.dry_run else []
    if asked.json:
        told = {"files": list(map(str, files.values())), "written": not asked.dry_run, "not_here": foreign}
        answer("renkei.pack/1", told)
        return exits.OK
    for name in files.values():
        show(str(name))
    _tell_not_here(foreign)
    done = say("加えます", "would be added") if asked.dry_run else say("加えました", "added")
    number = len(files)
    tell(
        say(
            f"{number} ファイルを{done}。次は renkei plan です。",
            f"{number} files {done}. Next: renkei plan.",
        )
    )
    return exits.OK


def _carried(source: Path) -> Iterator[Path]:
    """Mappings with all that is below them, and rules: what a city says of itself beside them stays there."""
    from renkei.reconcile.city import FILE

    for file in _texts(source):
        below = file.relative_to(source)
        if below.parts[0] != _RULES or (len(below.parts) == 2 and below.name != FILE):
            yield file


def _place_of(name: Path, source: Path) -> Path:
    """Rules go into a folder named for their pack, so that it can be exchanged as a whole."""
    from renkei.reconcile.city import PACKS

    return Path(_RULES, PACKS, source.resolve().name, name.name) if name.parts[0] == _RULES else name


def _in_the_way(target: Path, name: Path) -> Path | None:
    """What is there already, be it a link that leads nowhere, or no folder where one is wanted."""
    *above, own = [*reversed(name.parents[:-1]), name]
    for folder in above:
        if not (target / folder).is_dir() and os.path.lexists(target / folder):
            return folder
    return own if os.path.lexists(target / own) else None


def _found(name: str) -> Path:
    known = {folder.name: folder for folder in _shelf().iterdir() if folder.is_dir()}
    folder = known.get(name, Path(name))
    if not any((folder / each).is_dir() for each in _FOLDERS):
        from renkei.project import nearest

        raise FixDeclaration(
            "E_NOT_FOUND", kind=say("パック", "pack"), name=name, nearest=nearest(name, list(known))
        )
    return folder


def _texts(folder: Path) -> Iterator[Path]:
    """Every text of the pack in its order; a link or another kind of file is refused."""
    for each in _FOLDERS:
        inside = folder / each
        for file in (inside,) if inside.is_symlink() else sorted(inside.rglob("*")):
            if file.is_dir() and not file.is_symlink():
                continue
            if file.is_symlink() or file.suffix not in _TEXTS:
                raise Stop("E_PACK", file=str(file.relative_to(folder)))
            yield file


def _title(folder: Path) -> str:
    heading = (folder / "README.md").read_text("utf-8").partition("\n")[0]
    return heading.removeprefix("# ")


def _shelf() -> Path:
    """Inside the installed package, or beside the source tree that this runs from."""
    package = Path(renkei.__file__).parent
    return package / "packs" if (package / "packs").is_dir() else package.parents[1] / "packs"
