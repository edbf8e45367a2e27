"""Plants in individual numbers, in a city whose systems hold any."""

from datetime import date
from functools import partial
from random import Random

from renkei_sample import findings
from renkei_sample.identifiers import individual_number
from renkei_sample.individual_numbers import keeps_numbers, number_of, own_number, put_number
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.population import HEAD, HUSBAND, WIFE
from renkei_sample.records import Recipient, Resident, Taxpayer
from renkei_sample.state import CityState

#: Serials of numbers that are given in place of another: nobody's 宛名番号 is so high.
_GIVEN_ANEW = 5_000_000_000


def number_of_the_spouse(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R18: the tax office typed a husband's number for his wife, so 住基 says another one too."""
    wanted = count if keeps_numbers(state) else 0
    for entry in picker.take(wanted, lambda entry: _spouse(state, entry) is not None):
        other = _spouse(state, entry)
        if other is not None:
            _take_number(state, state.taxpayers[other.atena_no], state.taxpayers[entry.atena_no])


def number_of_a_stranger(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R18: the tax or the welfare office typed the number of somebody of another household."""
    for number in range(count if keeps_numbers(state) else 0):
        in_welfare = number % 2 == 1
        pair = picker.take(2, partial(_is_known_alone, state, in_welfare=in_welfare))
        if len(pair) == 2:
            one, other = (_record(state, entry, in_welfare=in_welfare) for entry in pair)
            _take_number(state, other, one)


def number_not_carried(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R18: the number was given anew because it had leaked, and one office still has the old one."""
    for number in range(count if keeps_numbers(state) else 0):
        in_welfare = number % 2 == 1
        for entry in picker.take(1, partial(_is_known_alone, state, in_welfare=in_welfare)):
            row = _record(state, entry, in_welfare=in_welfare)
            put_number(state, row, own_number(entry.atena_no))
            _give_anew(state, entry, keep=row)
            _not_carried(state, entry, row)


def number_given_anew(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: a new number that every office has; or an office has none at all."""
    for number in range(count if keeps_numbers(state) else 0):
        for entry in picker.take(1, lambda entry: _is_known_alone(state, entry, in_welfare=True)):
            if number % 2:
                put_number(state, state.taxpayers[entry.atena_no], "")
            else:
                _give_anew(state, entry, keep=None)


def _take_number(state: CityState, row: Taxpayer | Recipient, of: Taxpayer | Recipient) -> None:
    """One record gets the number of another of the same office."""
    number = own_number(_atena(state, of))
    put_number(state, of, number)
    put_number(state, row, number)
    entry, other = state.residents[_atena(state, row)], state.residents[_atena(state, of)]
    together = entry.setai_no == other.setai_no
    left, right = sorted((findings.feed_of(row), findings.feed_of(of)))
    findings.stand(
        state,
        "R18",
        "shared_in_household" if together else "shared",
        field="individual_number",
        left=left,
        right=right,
        since=_since(row, of),
    )
    _not_carried(state, entry, row)


def _not_carried(state: CityState, entry: Resident, row: Taxpayer | Recipient) -> None:
    findings.stand(
        state,
        "R18",
        "not_carried",
        field="individual_number",
        left=(findings.JUKI, entry.atena_no),
        right=findings.feed_of(row),
        since=_since(entry, row),
    )


def _since(*rows: Resident | Taxpayer | Recipient) -> date:
    return findings.fresh({"new", "birth", "moved_in", "correction"}, *rows)


def _give_anew(state: CityState, entry: Resident, *, keep: Taxpayer | Recipient | None) -> None:
    """住基 and every office that holds the number get a new one, except a record that is left as it is."""
    number = individual_number(_GIVEN_ANEW + int(entry.atena_no[:-1]))
    held = (state.taxpayers.get(entry.atena_no), state.recipient_of(entry.atena_no))
    for row in (entry, *(each for each in held if each is not None and each is not keep)):
        if number_of(state, row):
            put_number(state, row, number)


def _spouse(state: CityState, entry: Resident) -> Resident | None:
    """Whom a taxed head is married to, if the tax office knows both."""
    members = state.household(entry.setai_no)
    known = entry.zokugara == HEAD and is_plain_adult(state, entry)
    near = (row for row in members if row.zokugara in (HUSBAND, WIFE) and is_plain_adult(state, row))
    return next((row for row in near if row.seinengappi != entry.seinengappi), None) if known else None


def _is_known_alone(state: CityState, entry: Resident, *, in_welfare: bool) -> bool:
    alone = is_plain_adult(state, entry) and lives_alone(state, entry)
    held = state.recipient_of(entry.atena_no)
    return alone and (not in_welfare or (held is not None and held.atena_no is not None))


def _record(state: CityState, entry: Resident, *, in_welfare: bool) -> Taxpayer | Recipient:
    held = state.recipient_of(entry.atena_no) if in_welfare else state.taxpayers[entry.atena_no]
    if held is None:
        raise LookupError("no such record")
    return held


def _atena(state: CityState, row: Taxpayer | Recipient) -> str:
    return row.atena_no if isinstance(row, Taxpayer) else state.owners[row.bango]
