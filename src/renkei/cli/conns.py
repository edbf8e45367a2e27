"""``renkei conns``: the connections, without secrets; ``test`` probes what each does."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place
from renkei.cli.output import answer, show
from renkei.cli.parser import Parser, add_json
from renkei.cli.probed import Check, check_of, row_of
from renkei.cli.width import table
from renkei.cli.wording import word
from renkei.errors import FixDeclaration, RenkeiError
from renkei.language import say

if TYPE_CHECKING:
    from renkei.model import Connector
    from renkei.project import Project

#: Settings that say where a system is; every other one stays unsaid.
_PLAIN = ("host", "port", "database", "user", "driver")


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What one test of a connection found; ``ok`` is false too where a check found something wrong."""

    name: str
    ok: bool
    found: Mapping[str, str]
    checks: tuple[Check, ...]
    error_code: str | None
    text: str | None
    exit_code: int


def declare(parser: Parser) -> None:
    """``list`` and ``test``."""
    add_json(parser.verb("list", _list, say("接続先の一覧", "the connections")))
    tested = parser.verb(
        "test",
        _test,
        say("接続して、値が正しく届くかを検査する", "probe what each system and driver really does"),
    )
    tested.option(
        "name", say("接続先（既定はすべて）", "the connection (all of them)"), nargs="?", metavar="NAME"
    )
    tested.option(
        "--quick", say("接続と認証だけを確かめる", "only reach it and sign in"), action="store_true"
    )
    add_json(tested)


def _list(asked: argparse.Namespace) -> int:
    project = place.project()
    known = [_described(project, name, used) for name, used in _used(project).items()]
    if asked.json:
        answer("renkei.conns/1", {"connections": known})
        return exits.OK
    heads = (say("接続先", "connection"), say("方式", "transport"), say("場所", "where"), word("run", "feed"))
    rows = [(each["name"], each["connector"], _where(each), " ".join(each["feeds"])) for each in known]
    show(table(heads, rows))
    return exits.OK


@dataclass(frozen=True, kw_only=True)
class Used:
    """A connection's connector, and the feeds that come over it; none before the first mapping is written."""

    connector: str
    feeds: tuple[str, ...] = ()


def _used(project: "Project") -> dict[str, Used]:
    """Connections that feeds name, and those that say themselves what reaches them (``connector``)."""
    settings = {name: project.connection(name).settings for name in project.connections}
    found = {
        name: Used(connector=each["connector"]) for name, each in settings.items() if "connector" in each
    }
    for feed in project.feeds:
        before = found.get(feed.connection, Used(connector=feed.connector))
        found[feed.connection] = Used(connector=feed.connector, feeds=(*before.feeds, feed.id))
    return found


def _described(project: "Project", name: str, used: Used) -> dict[str, Any]:
    try:
        settings = project.connection(name).settings
    except FixDeclaration:
        settings = {}
    plain = {key: settings.get(key) for key in _PLAIN}
    return {"name": name, "connector": used.connector, **plain, "feeds": list(used.feeds),
            "declared": bool(settings)}  # fmt: skip


def _where(each: Mapping[str, Any]) -> str:
    if not each["declared"]:
        return say("未設定", "not declared")
    if not each["host"]:
        return str(each["database"] or "-")
    user = f"{each['user']}@" if each["user"] else ""
    port = f":{each['port']}" if each["port"] else ""
    database = f"/{each['database']}" if each["database"] else ""
    return f"{user}{each['host']}{port}{database}"


def _test(asked: argparse.Namespace) -> int:
    from renkei.project import nearest

    project = place.project()
    known = _used(project)
    if asked.name and asked.name not in known:
        raise FixDeclaration(
            "E_NOT_FOUND",
            kind=say("接続先", "connection"),
            name=asked.name,
            nearest=nearest(asked.name, known),
        )
    wanted = {asked.name: known[asked.name]} if asked.name else known
    tried = [_try(project, name, used.connector, quick=asked.quick) for name, used in wanted.items()]
    if asked.json:
        answer("renkei.conns-test/1", {"connections": tried})
    else:
        show(("\n" if asked.quick else "\n\n").join(map(_quickly if asked.quick else _told, tried)))
    return max((each.exit_code for each in tried), default=exits.OK)


def _try(project: "Project", name: str, connector: str, *, quick: bool) -> Tried:
    with TemporaryDirectory(prefix="renkei-conns-") as folder:
        try:
            found = _found(project.connect(connector, name, workdir=Path(folder)), quick=quick)
        except RenkeiError as error:
            code, text = exits.code_of(error), error.text()
            return Tried(
                name=name, ok=False, found={}, checks=(), error_code=error.code, text=text, exit_code=code
            )
    checks = tuple(check_of(*each) for each in found.items())
    good = Tried(
        name=name, ok=True, found=found, checks=checks, error_code=None, text=None, exit_code=exits.OK
    )
    is_wrong = any(check.verdict == "wrong" for check in checks)
    return replace(good, ok=False, exit_code=exits.ABOVE_LIMIT) if is_wrong else good


def _found(connector: "Connector", *, quick: bool) -> dict[str, str]:
    """By the connector's probe, where it has more to find out than its test."""
    probe = connector.test if quick else getattr(connector, "probe", connector.test)
    return dict(probe())


def _told(each: Tried) -> str:
    """A table for each connection, or why there is none."""
    if each.error_code:
        return f"✕ {each.name}\n{each.text} [{each.error_code}]"
    heads = (say("検査", "check"), say("判定", "verdict"), say("内容", "what was found"))
    return f"{'✓' if each.ok else '✕'} {each.name}\n{table(heads, [row_of(check) for check in each.checks])}"


def _quickly(each: Tried) -> str:
    """One line for each connection."""
    found = " ".join(f"{key}={value}" for key, value in each.found.items())
    return f"{'✓' if each.ok else '✕'} {each.name}  {found or f'{each.text} [{each.error_code}]'}"
