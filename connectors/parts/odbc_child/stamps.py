"""When a row was changed, as the source writes it: read, moved, and written the same way again."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_PARTS = re.compile(
    r"(\d{4})(?P<dash>-?)(\d\d)(?P=dash)(\d\d)"
    r"(?:(?P<gap>[ T]?)(\d\d)(?P<colon>:?)(\d\d)(?P=colon)(\d\d)(?:(?P<dot>\.?)(?P<fraction>\d{1,6}))?"
    r"(?P<zone>[+-]\d\d(?::?\d\d)?)?)?"
)


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """A moment by the source's own clock, and the way it is written: ``20260401123456``, ``2026-04-01 …``."""

    moment: datetime
    form: str
    digits: int
    zone: str

    def at(self, moment: datetime) -> str:
        """Another moment written the same way; what is finer than this way of writing is cut off."""
        fraction = f"{moment.microsecond:06}"[: self.digits]
        return moment.strftime(self.form) + fraction + self.zone

    def before(self, by: timedelta) -> str:
        """So much earlier, written the same way."""
        return self.at(self.moment - by)


def read(text: str) -> Stamp | None:
    """None where it is no date or time that we know."""
    found = _PARTS.fullmatch(text)
    if found is None:
        return None
    year, _, month, day, _, hour, _, minute, second, _, fraction, zone = found.groups()
    try:
        moment = datetime(  # noqa: DTZ001 - the source's clock, in the source's zone
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "").ljust(6, "0")),
        )  # fmt: skip
    except ValueError:
        return None
    return Stamp(moment=moment, form=_form(found), digits=len(fraction or ""), zone=zone or "")


def _form(found: "re.Match[str]") -> str:
    dash, gap, colon, dot = (found[name] or "" for name in ("dash", "gap", "colon", "dot"))
    date = f"%Y{dash}%m{dash}%d"
    return date if found["colon"] is None else f"{date}{gap}%H{colon}%M{colon}%S{dot}"
