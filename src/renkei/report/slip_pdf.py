"""The return slip as PDF: typeset in this process from given fonts, nothing fetched, tagged for readers."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

from renkei.errors import FixDeclaration
from renkei.report.slip import Section, Slip

#: Most records of one cause on paper; the CSV file beside it has all of them.
MOST_LINES = 500

#: Where Debian's packages put the fonts (script/setup installs them), and what they hold.
FONTS: Mapping[str, Path] = {
    "IPAexGothic": Path("/usr/share/fonts/opentype/ipaexfont-gothic"),
    "IPAmjMincho": Path("/usr/share/fonts/truetype/ipamj"),
}


@dataclass(frozen=True, kw_only=True)
class Front:
    """What the slip says of its making; ``purpose`` is what the keys are shown for, or None without keys."""

    city: str
    actor: str
    made_at: datetime
    code_version: str
    purpose: str | None


def render(slip: Slip, *, front: Front) -> bytes:
    """The slip as tagged PDF (PDF/UA-1); the same slip and front give the same bytes."""
    made: bytes = _compile(slip, front, format="pdf")
    return made


def pages(slip: Slip, *, front: Front, ppi: int = 110) -> list[bytes]:
    """Each page as PNG, to look at."""
    made = _compile(slip, front, format="png", ppi=ppi)
    return made if isinstance(made, list) else [made]


def _compile(slip: Slip, front: Front, **how: Any) -> Any:  # noqa: ANN401 - typst's own: bytes, or a list of them
    import typst

    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=list(_fonts()))
    missing = sorted(set(FONTS) - set(fonts.families()))
    if missing:
        raise FixDeclaration("E_FONTS", fonts=", ".join(missing))
    body = resources.files("renkei.report").joinpath("slip.typ").read_bytes()
    compiler = typst.Compiler(input=body, font_paths=fonts, ignore_system_fonts=True)
    if how["format"] == "pdf":
        how |= {"pdf_standards": ["ua-1"], "timestamp": int(front.made_at.timestamp())}
    return compiler.compile(sys_inputs={"slip": json.dumps(_data(slip, front), ensure_ascii=False)}, **how)


def _fonts() -> tuple[str, ...]:
    return tuple(str(place) for place in FONTS.values() if place.is_dir())


def _data(slip: Slip, front: Front) -> dict[str, Any]:
    return {
        "city": front.city,
        "department": slip.department,
        "feed": slip.feed,
        "title": slip.title,
        "issued_on": slip.issued_on.isoformat(),
        "actor": front.actor,
        "made_at": front.made_at.isoformat(timespec="seconds"),
        "version": front.code_version,
        "purpose": None if front.purpose is None else visible(front.purpose),
        "records": slip.records,
        "open": slip.open,
        "withheld": slip.withheld,
        "sections": [_section(section) for section in slip.sections],
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "field": visible(section.field),
        "code": section.code,
        "reason": list(section.reason),
        "correct": list(section.correct),
        "due_on": section.due_on.isoformat(),
        "records": len(section.lines),
        "lines": [
            [
                str(line.reject_id), visible(line.delivery), line.as_of.isoformat(), f"{line.rec_no:,}",
                "—" if line.byte_offset is None else f"{line.byte_offset:,}＋{line.byte_length:,}",
                visible(line.key),
            ]
            for line in section.lines[:MOST_LINES]
        ],
    }  # fmt: skip


def visible(text: str) -> str:
    """The text with what cannot be printed, or turns the direction of what follows, shown as ␦."""
    hidden = ("Cc", "Cs", "Cn", "Cf")
    return "".join("␦" if unicodedata.category(c) in hidden else c for c in text)
