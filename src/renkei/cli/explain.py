"""``renkei explain E_CODE``: what an error code means, in both languages."""

import argparse
from difflib import get_close_matches

from renkei.cli import exits
from renkei.cli.output import answer, show
from renkei.cli.parser import Parser, add_json
from renkei.errors import FixDeclaration, catalogue
from renkei.language import language_of_user, say

_PARTS = {
    "what": ("何が起きたか", "what happened"),
    "safe": ("守られているもの", "what is safe"),
    "next": ("次にすること", "what to do"),
}


def declare(parser: Parser) -> None:
    """The arguments of ``renkei explain``."""
    text = say("誤りコード（既定はすべてのコードの一覧）", "the code (all codes unless given)")
    parser.option("code", text, nargs="?", metavar="E_CODE")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    if asked.code is None:
        return _list(as_json=asked.json)
    code, known = asked.code.upper(), catalogue()
    if code not in known:
        nearest = next(iter(get_close_matches(code, known, n=1, cutoff=0.0)), "-")
        raise FixDeclaration("E_NOT_FOUND", kind=say("誤りコード", "code"), name=code, nearest=nearest)
    if asked.json:
        answer("renkei.explain/1", {"code": code, **known[code]})
        return exits.OK
    show(code)
    for part, names in _PARTS.items():
        show(f"  {say(*names)}: {known[code][f'{part}_{language_of_user()}']}")
    return exits.OK


def _list(*, as_json: bool) -> int:
    codes = catalogue()
    if as_json:
        answer("renkei.codes/1", {"codes": list(codes)})
        return exits.OK
    for code, texts in codes.items():
        show(f"{code:<22} {texts[f'what_{language_of_user()}']}")
    return exits.OK
