"""``renkei mapping propose FEED``: the change of text that would take what waits for a person."""

import argparse
import tomllib
from pathlib import Path

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json
from renkei.errors import FixDeclaration
from renkei.language import say


def declare(parser: Parser) -> None:
    """The arguments of ``renkei mapping propose``."""
    text = say("保留の受信を受け取れる対応表の案を示す", "a change of text that would take what is held")
    made = parser.verb("propose", _propose, text)
    made.option("feed", say("連携データ", "the feed"), metavar="FEED")
    add_json(made)


def _propose(asked: argparse.Namespace) -> int:
    from renkei.mapping.contract import propose
    from renkei.registry import profiles

    project = place.project()
    feed = project.mapping(asked.feed).feed
    with place.registry(project) as engine, engine.connect() as connection:
        held = profiles.waiting(connection, feed.id)
    if held is None:
        raise FixDeclaration(
            "E_NOT_FOUND", kind=say("保留の受信", "held delivery"), name=feed.id, nearest="renkei status"
        )
    findings = propose.told_by(held["error_code"], held["error_facts"] or {})
    files = _texts(project.root / "mappings")
    file = _file_of(files, system=feed.system, name=feed.name)
    made = propose.propose(files, findings, file=file, feed=feed.name)
    if asked.json:
        body = {
            "delivery_id": held["delivery_id"],
            "code": held["error_code"],
            "diff": made.diff,
            "unanswered": [each.says() for each in made.unanswered],
        }
        answer("renkei.mapping.propose/1", body)
        return exits.OK
    for finding in made.unanswered:
        words = say("対応表の変更では直りません", "no change of text answers this")
        tell(f"{finding.says()}: {words}")
    if not findings:
        words = say("この理由に対する案はありません", "nothing to propose for this reason")
        tell(f"{held['error_code']}: {words}")
    if made.diff:
        show(made.diff.rstrip("\n"))
    return exits.OK


def _texts(folder: Path) -> dict[str, str]:
    """Mappings and code tables by their names below ``mappings/``."""
    places = [*folder.glob("*.toml"), *folder.glob("codes/*.toml")]
    return {place.relative_to(folder).as_posix(): place.read_text("utf-8") for place in sorted(places)}


def _file_of(files: dict[str, str], *, system: str, name: str) -> str:
    """The file that declares the feed; one system may have several."""
    for file, text in files.items():
        declared = tomllib.loads(text) if "/" not in file else {}
        if declared.get("system") == system and any(each["name"] == name for each in declared["feed"]):
            return file
    raise FixDeclaration("E_NOT_FOUND", kind="feed", name=f"{system}.{name}", nearest="-")
