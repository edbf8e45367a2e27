"""``renkei mapping``: what a mapping does, and the beginning of one, made from a COBOL copybook."""

import argparse
from pathlib import Path
from typing import Any

from renkei.cli import exits, mapping_check, outgoing, propose
from renkei.cli.output import answer, show
from renkei.cli.parser import Parser, add_json
from renkei.cli.width import table
from renkei.language import say


def declare(parser: Parser) -> None:
    """``test``, ``diff``, ``explain``, ``try``, ``outgoing``, ``propose``; ``new`` and ``copybook``."""
    mapping_check.declare(parser)
    outgoing.declare(parser)
    propose.declare(parser)
    new = parser.verb("new", _new, say("コピー句から対応表の下書きを作る", "begin a mapping from a copybook"))
    _add_copybook(new)
    shown = parser.verb("copybook", _copybook, say("コピー句の項目を見る", "the items of a copybook"))
    _add_copybook(shown)
    add_json(shown)


def _add_copybook(parser: Parser) -> None:
    parser.option("copybook", say("コピー句のファイル", "the copybook"), type=Path, metavar="FILE")
    text = say("データの文字コード（既定 cp932）", "encoding of the data (cp932)")
    parser.option("--encoding", text, default="cp932", metavar="NAME")


def _declared(asked: argparse.Namespace) -> dict[str, Any]:
    return {"kind": "cobol", "copybook": str(asked.copybook), "encoding": asked.encoding}


def _new(asked: argparse.Namespace) -> int:
    from renkei.formats import cobol

    show(cobol.skeleton(asked.copybook, _declared(asked)))
    return exits.OK


def _copybook(asked: argparse.Namespace) -> int:
    from renkei.formats import cobol

    items = cobol.describe(asked.copybook, _declared(asked)).to_pylist()
    if asked.json:
        answer("renkei.copybook/1", {"items": items})
        return exits.OK
    heads = (
        say("項目", "item"), "PIC", say("形式", "usage"), say("位置", "at"), say("バイト", "bytes"),
        say("繰返し", "occurs"), say("コード", "codes"),
    )  # fmt: skip
    rows = [
        (each["item"], each["picture"] or "", each["usage"], str(each["at"]), str(each["bytes"]),
         each["occurs"] or "", each["codes"] or "")
        for each in items
    ]  # fmt: skip
    show(table(heads, rows))
    return exits.OK
