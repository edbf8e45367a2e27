"""``renkei sample-city``: the fictional 葛原市 in three real systems, for trying and for measuring."""

import argparse
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei_sample import City


def declare(parser: Parser) -> None:
    """``build``, ``start``, ``stop``, ``advance`` and ``status``."""
    built = parser.verb(
        "build", _build, say("住民と三系統のデータを作る", "make the residents and the three systems")
    )
    residents = say("住民の数（既定20000）", "how many residents (20000)")
    built.option("--residents", residents, type=count, default=20_000, metavar="N")
    built.option("--seed", say("乱数の種（既定1）", "seed (1)"), type=count, default=1, metavar="S")
    add_json(built)
    parser.verb("start", _start, say("三系統のサーバを起動する", "start the systems' servers"))
    parser.verb("stop", _stop, say("三系統のサーバを止める", "stop the systems' servers"))
    moved = parser.verb(
        "advance", _advance, say("日を進め、異動を各系統に入れる", "let days pass in the three systems")
    )
    moved.option("--days", say("日数（既定1）", "how many days (1)"), type=count, default=1, metavar="N")
    add_json(moved)
    add_json(parser.verb("status", _status, say("規模とサーバの状態", "sizes and servers")))


def _build(asked: argparse.Namespace) -> int:
    from renkei_sample import build

    tell(say(f"{asked.residents:,} 人の市を作ります…", f"Making a city of {asked.residents:,} …"))
    city = build(place.project().var, residents=asked.residents, seed=asked.seed)
    return _say(city.summary(), as_json=asked.json)


def _start(_asked: argparse.Namespace) -> int:
    _city().start()
    return _say(_city().status(), as_json=False)


def _stop(_asked: argparse.Namespace) -> int:
    _city().stop()
    return exits.OK


def _advance(asked: argparse.Namespace) -> int:
    city = _city()
    for _ in range(asked.days):
        counts = dict(city.advance(city.day + timedelta(days=1)))
        if asked.json:
            answer("renkei.sample-day/1", {"day": city.day, "counts": counts})
        else:
            show(f"{city.day} " + " ".join(f"{kind}={times}" for kind, times in counts.items()))
    return exits.OK


def _status(asked: argparse.Namespace) -> int:
    return _say(_city().summary(), as_json=asked.json)


def _city() -> "City":
    from renkei_sample import open_city

    try:
        return open_city(place.project().var)
    except FileNotFoundError:
        raise FixDeclaration("E_NO_SAMPLE") from None


def _say(facts: Mapping[str, object], *, as_json: bool) -> int:
    if as_json:
        answer("renkei.sample-city/1", facts)
    else:
        show(table((say("項目", "item"), say("内容", "value")), list(facts.items())))
    return exits.OK
