"""``renkei init``: a city's project in a folder, with the four folders of 葛原市 to start from."""

import argparse
import shutil
from pathlib import Path

import renkei
from renkei.cli import exits
from renkei.cli.output import show, tell
from renkei.cli.parser import Parser
from renkei.errors import FixDeclaration, Stop
from renkei.language import say

_CONFIG, _FOLDERS = "renkei.toml", ("dags", "connectors", "mappings", "reconciliation")
_LEAVE = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def declare(parser: Parser) -> None:
    """The arguments of ``renkei init``."""
    text = say("作る場所（既定は今のフォルダ）", "where (this folder)")
    parser.option("folder", text, nargs="?", type=Path, default=Path(), metavar="DIR")
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    target: Path = asked.folder.resolve()
    taken = next((target / name for name in (_CONFIG, *_FOLDERS) if (target / name).exists()), None)
    if taken is not None:
        raise Stop("E_EXISTS", path=str(taken))
    _copy(_template(), target)
    tell(
        say(f"{target} に作りました。次の三つを順に実行してください。", f"Made {target}. Now, in this order:")
    )
    for line in (f"cd {target}", "renkei sample-city build && renkei sample-city start", "renkei up"):
        show(line)
    return exits.OK


def _template() -> Path:
    """The model city: inside the installed package, or the source tree that this runs from."""
    package = Path(renkei.__file__).parent
    for place in (package / "template", package.parents[1]):
        if (place / _CONFIG).is_file():
            return place
    raise FixDeclaration("E_NOT_FOUND", kind=say("ひな形", "template"), name="city", nearest="-")


def _copy(template: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in _FOLDERS:
        shutil.copytree(template / name, target / name, ignore=_LEAVE)
    shutil.copy(template / _CONFIG, target / _CONFIG)
    (target / "var").mkdir(mode=0o755, exist_ok=True)  # the database's own account passes through it
    ignored = target / ".gitignore"
    if not ignored.exists():
        ignored.write_text("var/\n__pycache__/\n", "utf-8")
