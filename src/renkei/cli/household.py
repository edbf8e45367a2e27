"""``renkei household show``: who lived together on a day, as one system says, as known at an instant."""

import argparse

from renkei.cli import exits, place, reveal
from renkei.cli.output import answer, plain
from renkei.cli.parser import Parser, add_json
from renkei.cli.resident import add_point, show_household
from renkei.errors import FixDeclaration
from renkei.language import say


def declare(parser: Parser) -> None:
    """``show``."""
    text = say("一系統の世帯の一時点の姿", "one system's household on a day, as known at an instant")
    shown = parser.verb("show", _show, text)
    shown.option("system", say("系統（juki など）", "the system, such as juki"), metavar="SYSTEM")
    shown.option("number", say("世帯番号", "the household's number"), metavar="NUMBER")
    add_point(shown)
    reveal.add_reveal(shown)
    add_json(shown)


def _show(asked: argparse.Namespace) -> int:
    from renkei.workflow.resident import household_at, point_of

    purpose, project = reveal.purpose_of(asked), place.project()
    point = point_of(asked.as_of or place.today(project), asked.known_at)
    with place.registry(project) as engine:
        clear = purpose is not None
        found = household_at(project, engine, asked.system, asked.number, point, clear=clear)
        if found is None:
            kind = {"ja": "世帯", "en": "household"}
            raise FixDeclaration("E_NOT_FOUND", kind=kind, name=f"{asked.system} {asked.number}", nearest="-")
        if purpose is not None:
            residents = [member.resident_id for member in found.members]
            detail = {name: plain(value) for name, value in vars(point).items()} | {"residents": residents}
            with engine.begin() as connection:
                reveal.record(connection, subject=f"household:{asked.system}", purpose=purpose, detail=detail)
    if asked.json:
        answer("renkei.household/1", {**vars(point), **vars(found), "revealed": clear})
    else:
        show_household(found)
    return exits.OK
