"""転入通知: the municipality that someone moved to tells the registry of the arrival."""

from dataclasses import replace
from datetime import date, timedelta

from renkei_sample.chance import lot
from renkei_sample.identifiers import from_ymd, ymd
from renkei_sample.records import Resident
from renkei_sample.state import CityState


def hear_of_arrivals(state: CityState, *, in_new_versions: bool) -> int:
    """Note every arrival that has been told of by the state's day; returns how many.

    On the first day it stands in the row as it is. Nobody in ``state.never_arrives`` is ever told of.
    """
    told = [
        replace(row, tennyu_tsuchi_ymd=ymd(_told_on(row)))
        for row in state.residents.values()
        if row.jumin_jotai == "2"
        and row.tenshutsu_yotei_ymd
        and row.tennyu_tsuchi_ymd is None
        and row.atena_no not in state.never_arrives
        and _told_on(row) <= state.day
    ]
    for row in told:
        # the network writes its own column: the row's stamp stays that of the clerk
        if in_new_versions:
            state.put_resident(replace(row, rireki_no=row.rireki_no + 1))
        else:
            state.residents[row.atena_no] = row
    return len(told)


def _told_on(row: Resident) -> date:
    """Within fourteen days whoever moves in must say so (住民基本台帳法22条)."""
    return from_ymd(str(row.tenshutsu_yotei_ymd)) + timedelta(days=2 + lot("転入通知", row.atena_no) % 13)
