"""Plants in what is written: the name that an office should not use, and characters that were lost."""

from dataclasses import replace
from random import Random

from renkei_sample import findings
from renkei_sample.identifiers import half_kana, wide
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.records import Recipient, Resident, Taxpayer
from renkei_sample.state import CityState

#: What a converter leaves where it knows no character, and one of a vendor's own.
_GETA, _MARK, _OWN = "〓", "？", "\ue0a3"


# R14 ----------------------------------------------------------------------------------------------


def legal_name_at_tax(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R14: the tax office, which writes to people under their 通称, has the legal name."""
    for entry in picker.take(
        count, lambda entry: _bears_two(state, entry) and entry.atena_no in state.taxpayers
    ):
        row = replace(
            state.taxpayers[entry.atena_no],
            shimei=wide(entry.shimei),
            shimei_kana=half_kana(entry.shimei_kana),
        )
        state.taxpayers[entry.atena_no] = row
        _against_custom(state, entry, row, klass="legal_name_used")


def common_name_at_welfare(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R14: the welfare office, which uses legal names, has the 通称."""
    for entry in picker.take(
        count, lambda entry: _bears_two(state, entry) and state.recipient_of(entry.atena_no) is not None
    ):
        held = state.recipient_of(entry.atena_no)
        if held is not None:
            row = replace(held, shimei=str(entry.tsusho), kana=state.serials.common_kana[entry.atena_no])
            state.put_recipient(row)
            _against_custom(state, entry, row, klass="common_name_used")


def _against_custom(state: CityState, entry: Resident, row: Taxpayer | Recipient, *, klass: str) -> None:
    findings.stand(
        state,
        "R14",
        klass,
        field="common_name",
        left=(findings.JUKI, entry.atena_no),
        right=findings.feed_of(row),
        since=findings.fresh({"name", "new", "moved_in"}, entry, row),
    )


def _bears_two(state: CityState, entry: Resident) -> bool:
    return bool(entry.tsusho) and entry.atena_no in state.serials.common_kana


# R42 ----------------------------------------------------------------------------------------------


def broken_name(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R42, and the R13 that follows: a character of the name was replaced on its way."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_alone(state, entry))):
        held = state.recipient_of(entry.atena_no)
        row: Taxpayer | Recipient
        if held is not None and number % 2:
            row = replace(held, shimei=_broken(entry.shimei, _OWN))
            state.put_recipient(row)
        else:
            own = state.taxpayers[entry.atena_no]
            row = replace(own, shimei=_broken(own.shimei, (_GETA, _MARK)[number // 2 % 2]))
            state.taxpayers[entry.atena_no] = row
        klass = "private_use" if _OWN in row.shimei else "replaced"
        _unreadable(state, entry, row, klass=klass, field="name", kinds={"name", "new"})
        findings.other_name(state, entry, row, klass="other_name", why="garbled")


def broken_address(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R42, and the R10 that follows: a character of the town was replaced."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_alone(state, entry))):
        held = state.recipient_of(entry.atena_no)
        row: Taxpayer | Recipient
        if held is not None and number % 2:
            row = replace(held, jusho=_broken(held.jusho, _OWN))
            state.put_recipient(row)
        else:
            own = state.taxpayers[entry.atena_no]
            row = replace(own, jusho=_broken(own.jusho, (_GETA, _MARK)[number // 2 % 2]))
            state.taxpayers[entry.atena_no] = row
        klass = "private_use" if _OWN in row.jusho else "replaced"
        _unreadable(state, entry, row, klass=klass, field="address", kinds={"address", "new"})
        findings.other_address(state, entry, row, why="garbled")


def broken_in_both(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: 住基 itself writes 〓, for a character that nobody has been able to register."""
    for entry in picker.take(count, lambda entry: _is_alone(state, entry)):
        shown = replace(entry, shimei=_broken(entry.shimei, _GETA))
        state.put_resident(shown)
        state.taxpayers[entry.atena_no] = replace(state.taxpayers[entry.atena_no], shimei=shown.shimei)
        held = state.recipient_of(entry.atena_no)
        if held is not None:
            state.put_recipient(replace(held, shimei=shown.shimei))


def _unreadable(
    state: CityState,
    entry: Resident,
    row: Taxpayer | Recipient,
    *,
    klass: str,
    field: str,
    kinds: set[str],
) -> None:
    findings.stand(
        state,
        "R42",
        klass,
        field=field,
        left=(findings.JUKI, entry.atena_no),
        right=findings.feed_of(row),
        since=findings.fresh(kinds, row),
        why="garbled",
    )


def _broken(text: str, mark: str) -> str:
    """The first character is gone."""
    return mark + text[1:]


def _is_alone(state: CityState, entry: Resident) -> bool:
    return is_plain_adult(state, entry) and lives_alone(state, entry)
