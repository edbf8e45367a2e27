"""Chooses people for a plant, and keeps everybody near them out of every other one."""

from collections.abc import Callable, Iterator
from random import Random

from renkei_sample.base import known_birth
from renkei_sample.population import age_of
from renkei_sample.records import Resident
from renkei_sample.state import CityState

Wanted = Callable[[Resident], bool]


class Picker:
    """Walks over the people in a shuffled order; a household is used once."""

    def __init__(self, state: CityState, rng: Random) -> None:
        self.state = state
        self._order = sorted(state.residents)
        rng.shuffle(self._order)

    def take(self, count: int, wanted: Wanted) -> list[Resident]:
        """This many living residents of untouched households; their households become quiet."""
        chosen: list[Resident] = []
        for entry in self._free():
            if len(chosen) == count:
                break
            if self._is_untouched(entry) and wanted(entry):
                self._silence(entry)
                chosen.append(entry)
        return chosen

    def _free(self) -> Iterator[Resident]:
        for number in self._order:
            entry = self.state.residents[number]
            if entry.jumin_jotai == "1" and number not in self.state.quiet:
                yield entry

    def _is_untouched(self, entry: Resident) -> bool:
        return not any(member.atena_no in self.state.quiet for member in self.state.household(entry.setai_no))

    def _silence(self, entry: Resident) -> None:
        self.state.quiet.update(member.atena_no for member in self.state.household(entry.setai_no))


def lives_alone(state: CityState, entry: Resident) -> bool:
    """The only living member of the household."""
    return len(state.household(entry.setai_no)) == 1


def is_plain_adult(state: CityState, entry: Resident) -> bool:
    """A Japanese adult with an exact birth date and a tax record."""
    return (
        entry.jumin_shubetsu == "1"
        and entry.atena_no in state.taxpayers
        and known_birth(entry)
        and entry.kyu_uji is None
        and age_of(entry, state.day) >= 21
    )
