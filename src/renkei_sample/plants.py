"""The base day's plants: every rule gets its share of what is really wrong."""

from renkei_sample import plants_entry, plants_life, plants_person, plants_register
from renkei_sample.chance import draws
from renkei_sample.picker import Picker
from renkei_sample.state import CityState

#: How many of each at 20,000 residents; other sizes in proportion, never fewer than two.
_AT_20K = (
    (plants_life.dead_child, 4),
    (plants_life.dead_payee, 2),
    (plants_life.removed_child, 2),
    (plants_life.child_who_died_this_month, 2),
    (plants_life.insurance_not_ended, 8),
    (plants_life.insurance_ended_on_wrong_day, 5),
    (plants_life.moved_out_with_insurance, 8),
    (plants_life.child_moved_out, 3),
    (plants_life.parted_household, 10),
    (plants_life.child_left_out, 6),
    (plants_life.child_unknown_to_juki, 3),
    (plants_person.spelled_with_rare_glyph, 2),
    (plants_person.plain_glyph, 10),
    (plants_person.misread_name, 10),
    (plants_person.maiden_name, 7),
    (plants_person.former_surname_in_use, 4),
    (plants_person.two_numbers, 8),
    (plants_person.wrong_birth, 15),
    (plants_person.wrong_tax_address, 22),
    (plants_person.wrong_welfare_address, 15),
    (plants_person.mailed_to_old_address, 18),
    (plants_entry.address_typed_twice, 14),
    (plants_entry.address_typed_wrong, 5),
    (plants_entry.address_typed_three_times, 2),
    (plants_entry.name_typed_twice, 5),
    (plants_entry.household_typed_twice, 4),
    (plants_entry.birth_typed_twice, 3),
    (plants_entry.rejected_records, 2),
    (plants_register.wrong_sex, 4),
    (plants_register.protection_not_carried, 2),
    (plants_register.child_paid_twice, 2),
    (plants_register.not_enrolled_at_65, 4),
)


def plant(state: CityState) -> None:
    """Plant everything of the base day, and its two broken files."""
    rng = draws("plants", state.seed)
    picker = Picker(state, rng)
    for put, share in _AT_20K:
        put(state, picker, rng, max(2, round(share * state.size / 20_000)))
    plants_entry.broken_files(state)
    state.versions.clear()
