"""Typesets a document in this process from given fonts: nothing is fetched, the same data, the same bytes."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei.errors import FixDeclaration
from renkei.report import glyphs, slip_pdf
from renkei.report.slip_pdf import visible

if TYPE_CHECKING:
    import typst

#: Draws sequences that IPAmj Mincho has not (Adobe-Japan1), where Debian's fonts-noto-cjk is installed.
SECOND = {"Noto Serif CJK JP": Path("/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc")}

Run = tuple[str, str]


def pdf(name: str, data: Mapping[str, Any], *, parts: tuple[str, ...] = (), made_at: datetime) -> bytes:
    """``<name>.typ`` with its data as tagged PDF (PDF/UA-1); ``parts`` are texts that come before it."""
    made: bytes = _compile(
        name, data, parts, format="pdf", pdf_standards=["ua-1"], timestamp=int(made_at.timestamp())
    )
    return made


def pages(name: str, data: Mapping[str, Any], *, parts: tuple[str, ...] = (), ppi: int = 110) -> list[bytes]:
    """Each page as PNG, to look at."""
    made = _compile(name, data, parts, format="png", ppi=ppi)
    return made if isinstance(made, list) else [made]


def runs(text: str) -> list[Run]:
    """A person's value in runs of (font, text), each character with its very glyph."""
    return glyphs.pieces(visible(text), _coverages())


@cache
def _coverages() -> dict[str, glyphs.Coverage]:
    first = slip_pdf.FONTS["IPAmjMincho"]
    found = {"IPAmjMincho": glyphs.coverage(next(first.glob("*.ttf")))} if first.is_dir() else {}
    if not found:
        raise FixDeclaration("E_FONTS", fonts="IPAmjMincho")
    return found | {name: glyphs.coverage(place) for name, place in SECOND.items() if place.is_file()}


def _compile(name: str, data: Mapping[str, Any], parts: tuple[str, ...], **how: Any) -> Any:  # noqa: ANN401 - typst's own
    import typst

    places = [str(place) for place in slip_pdf.FONTS.values() if place.is_dir()]
    places += [str(place) for place in SECOND.values() if place.is_file()]
    fonts = _fonts(tuple(places))
    missing = sorted(set(slip_pdf.FONTS) - set(fonts.families()))
    if missing:
        raise FixDeclaration("E_FONTS", fonts=", ".join(missing))
    folder = resources.files("renkei.report")
    body = b"\n".join(folder.joinpath(f"{each}.typ").read_bytes() for each in (*parts, name))
    compiler = typst.Compiler(input=body, font_paths=fonts, ignore_system_fonts=True)
    return compiler.compile(sys_inputs={name: json.dumps(data, ensure_ascii=False)}, **how)


@cache
def _fonts(places: tuple[str, ...]) -> "typst.Fonts":
    import typst

    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=list(places))
