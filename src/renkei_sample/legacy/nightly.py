"""One night's deliveries of 税 and 福祉, and the file anomalies of the day."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from renkei_sample import tax_books, welfare_books
from renkei_sample.chance import lot
from renkei_sample.individual_numbers import numbers_in
from renkei_sample.legacy.tax_files import assessment_file, csv_file, taxpayer_file, write_with_done
from renkei_sample.legacy.welfare_files import (
    account_file,
    benefit_file,
    double_entitlement_file,
    recipient_file,
)
from renkei_sample.records import Dependant, Property, Representation, ReturnedMail
from renkei_sample.state import CityState

Place = tuple[Path, Path]
#: (file name, feed, what is wrong), as :func:`renkei_sample.faults.break_files` does it.
Anomaly = tuple[str, str, str]
#: The day's own file is too small, or as large again as it should be.
SHORT, WHOLE_AGAIN = "short", "whole_again"
_SIZES = (SHORT, WHOLE_AGAIN)
#: Feed → how its files begin and end, and what their done-files end with.
NAMES: Mapping[str, tuple[str, str, str]] = {
    "tax.taxpayer": ("KJ", ".DAT", ".END"),
    "tax.assessment": ("FK", ".DAT", ".END"),
    "tax.property": ("KS", ".CSV", ".END"),
    "tax.dependant": ("FY", ".CSV", ".END"),
    "tax.returned_mail": ("HR", ".CSV", ".END"),
    "tax.representation": ("DR", ".CSV", ".END"),
    "welfare.recipient": ("TAISHO", ".xml", ".done"),
    "welfare.benefit": ("KYUFU", ".xml", ".done"),
    "welfare.account": ("KOZA", ".xml", ".done"),
    "welfare.double_entitlement": ("CHOFUKU", ".xml", ".done"),
}


def contents(state: CityState) -> dict[str, bytes]:
    """Feed → its full file of the state's day."""
    day, generation = state.day, state.day.toordinal()
    return {
        "tax.taxpayer": _taxpayers(state),
        "tax.assessment": assessment_file(tax_books.assessments(state), day=day, generation=generation),
        "tax.property": csv_file(_properties(state), Property, day=day),
        "tax.dependant": csv_file(tax_books.dependants(state), Dependant, day=day),
        "tax.returned_mail": csv_file(tax_books.returned_mail(state), ReturnedMail, day=day),
        "tax.representation": csv_file(tax_books.representations(state), Representation, day=day),
        "welfare.recipient": recipient_file(
            list(state.recipients.values()), day=day, numbers=numbers_in(state, state.recipients.values())
        ),
        "welfare.benefit": benefit_file(list(state.benefits.values()), day=day),
        "welfare.account": account_file(welfare_books.accounts(state), day=day),
        "welfare.double_entitlement": double_entitlement_file(
            welfare_books.double_entitlements(state), day=day
        ),
    }


def write_night(state: CityState, *, tax: Place, welfare: Place, anomalies: tuple[Anomaly, ...] = ()) -> None:
    """Write the full files of the state's day. ``tax`` and ``welfare`` are (folder, staging folder)."""
    made, places = contents(state), {"tax": tax, "welfare": welfare}
    for feed, content in made.items():
        begins, ends, done = NAMES[feed]
        folder, staging = places[feed.partition(".")[0]]
        write_with_done(folder / f"{begins}_{state.day:%Y%m%d}{ends}", content, done=done, staging=staging)
    for name, feed, klass in anomalies:
        if klass not in _SIZES:
            content = _damaged(state, klass) or made[feed]
            write_with_done(tax[0] / name, content, done=".END", staging=tax[1])


def _damaged(state: CityState, klass: str) -> bytes | None:
    """What stands in a file that is no mere repetition of the day's own."""
    if klass == "refused":
        return _taxpayers(state, stated=len(state.taxpayers) + 1)
    back, generation = {"name_reused": (1, 1), "out_of_order": (2, 2)}.get(klass, (0, 0))
    if not back:
        return None
    day, number = state.day - timedelta(days=back), state.day.toordinal() + 1000 * generation
    return assessment_file(tax_books.assessments(state), day=day, generation=number)


def _taxpayers(state: CityState, *, stated: int | None = None) -> bytes:
    rows = list(state.taxpayers.values())
    held = numbers_in(state, rows)
    return taxpayer_file(rows, day=state.day, generation=state.day.toordinal(), stated=stated, numbers=held)


def short_by(state: CityState) -> int:
    """How many records the file of 固定資産 lacks on a day on which it comes short."""
    return sum(_is_left_out(state, row) for row in tax_books.properties(state))


def _properties(state: CityState) -> list[Property]:
    """All of them; of a file that came short three in four, and what was put in by hand."""
    rows = tax_books.properties(state)
    if not any(klass == SHORT for _, _, klass in state.anomalies):
        return rows
    return [row for row in rows if not _is_left_out(state, row)]


def _is_left_out(state: CityState, row: Property) -> bool:
    return row.bukken_no not in state.properties and lot("欠落", row.bukken_no) % 4 == 0
