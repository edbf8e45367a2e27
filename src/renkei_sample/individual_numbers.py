"""個人番号 as the three systems hold them: synthetic, and none in a city that was built without them."""

from collections.abc import Iterable
from functools import cache

from renkei_sample import findings
from renkei_sample.chance import lot
from renkei_sample.identifiers import individual_number
from renkei_sample.records import Recipient, Resident, Taxpayer
from renkei_sample.state import INDIVIDUAL_NUMBERS, CityState

#: Of a hundred records of an office, how many hold the number of their person.
_AT_TAX, _AT_WELFARE = 95, 70


def keeps_numbers(state: CityState) -> bool:
    """Whether the systems of this city hold any."""
    return INDIVIDUAL_NUMBERS in state.extras


@cache
def own_number(atena_no: str) -> str:
    """The number that a person was given first."""
    return individual_number(int(atena_no[:-1]))


def number_of(state: CityState, row: Resident | Taxpayer | Recipient) -> str:
    """What a record holds; nothing where it holds none.

    Records of who is nobody of 住基 hold none, nor do those of a 住登外者.
    """
    feed, key = findings.feed_of(row)
    put = state.numbers.get(f"{feed}/{key}")
    return _first(state, row, key) if put is None else put


def put_number(state: CityState, row: Resident | Taxpayer | Recipient, number: str) -> None:
    """Let a record hold this number from now on."""
    state.numbers["/".join(findings.feed_of(row))] = number


def numbers_in(
    state: CityState, rows: Iterable[Resident] | Iterable[Taxpayer] | Iterable[Recipient]
) -> dict[str, str] | None:
    """Key → number of these records; None in a city without any."""
    if not keeps_numbers(state):
        return None
    return {findings.feed_of(row)[1]: number_of(state, row) for row in rows}


def _first(state: CityState, row: Resident | Taxpayer | Recipient, key: str) -> str:
    if isinstance(row, Resident):
        return own_number(key)
    if key in state.strangers or (isinstance(row, Taxpayer) and row.atena_kbn != "1"):
        return ""
    owner, most = (key, _AT_TAX) if isinstance(row, Taxpayer) else (state.owners.get(key, ""), _AT_WELFARE)
    return own_number(owner) if owner in state.residents and lot("個人番号", key) % 100 < most else ""
