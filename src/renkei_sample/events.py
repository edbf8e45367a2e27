"""A day in the life of the city: what the batch of the night before carries over, then what happens today."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from random import Random

from renkei_sample import faults, happenings
from renkei_sample.ages import come_of_age
from renkei_sample.arrivals import hear_of_arrivals
from renkei_sample.carry import carry
from renkei_sample.chance import draws
from renkei_sample.state import CityState

#: Events a year for each thousand residents, counted as decisions (a household moves once).
_RATES = (
    (happenings.move_within_city, 20.0),
    (happenings.move_out, 21.0),
    (happenings.move_in, 22.0),
    (happenings.be_born, 5.6),
    (happenings.die, 13.0),
    (happenings.marry, 6.0),
    (happenings.part_household, 8.0),
    (happenings.ask_for_protection, 0.5),
)
#: What goes wrong a day, at 20,000 residents; never less than one of each.
_FAULTS = (
    (faults.lose_move, 1.0),
    (faults.lose_name, 0.6),
    (faults.lose_death, 0.6),
    (faults.lose_move_out, 0.6),
    (faults.lose_parting, 0.4),
    (faults.type_twice, 1.6),
    (faults.type_wrong, 0.6),
    (faults.enrol_with_wrong_birth, 0.4),
    (faults.type_again, 0.6),
    (faults.type_over, 0.6),
)
WORKING_DAYS = 245


def replay(state: CityState, day: date) -> Mapping[str, int]:
    """Let a day pass. The same seed, size and day always give the same rows."""
    rng = draws("day", state.seed, day)
    last_night, state.day = state.day, day
    state.versions.clear()
    state.anomalies.clear()
    counts: Counter[str] = Counter()
    counts["carried"] = carry(state, rng)
    counts["came_of_age"] = come_of_age(state)
    faults.correct_and_relapse(state, rng, last_night=last_night)
    for happen, rate in _RATES:
        for _ in range(_times(rng, rate * state.size / 1000 / WORKING_DAYS)):
            counts[happen.__name__] += happen(state, rng)
    for fail, rate in _FAULTS:
        for _ in range(max(1, round(rate * state.size / 20_000))):
            counts[fail.__name__] += fail(state, rng)
    counts["arrived_elsewhere"] = hear_of_arrivals(state, in_new_versions=True)
    faults.break_files(state)
    return dict(counts)


def _times(rng: Random, expected: float) -> int:
    return int(expected) + (rng.random() < expected % 1)
