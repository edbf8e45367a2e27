"""The base day's plants: every rule gets its share of what is really wrong."""

from renkei_sample import (
    plants_account,
    plants_entry,
    plants_event,
    plants_household,
    plants_individual_number,
    plants_letters,
    plants_life,
    plants_number,
    plants_payment,
    plants_person,
    plants_place,
    plants_register,
    plants_stay,
    plants_taxation,
)
from renkei_sample.arrivals import hear_of_arrivals
from renkei_sample.chance import draws
from renkei_sample.picker import Picker
from renkei_sample.state import CityState

#: How many of each at 20,000 residents; other sizes in proportion, never fewer than two.
_AT_20K = (
    (plants_letters.legal_name_at_tax, 6),
    (plants_letters.common_name_at_welfare, 6),
    (plants_household.impossible_relationship, 12),
    (plants_household.headless_household, 10),
    (plants_household.head_just_gone, 3),
    (plants_life.dead_child, 5),
    (plants_life.dead_payee, 3),
    (plants_life.removed_child, 3),
    (plants_life.child_who_died_this_month, 2),
    (plants_life.insurance_not_ended, 8),
    (plants_life.insurance_ended_on_wrong_day, 5),
    (plants_life.moved_out_with_insurance, 8),
    (plants_life.child_moved_out, 3),
    (plants_life.parted_household, 10),
    (plants_life.child_left_out, 8),
    (plants_life.child_unknown_to_juki, 3),
    (plants_person.spelled_with_rare_glyph, 2),
    (plants_person.plain_glyph, 10),
    (plants_person.misread_name, 10),
    (plants_person.maiden_name, 7),
    (plants_person.former_surname_in_use, 4),
    (plants_person.two_numbers, 10),
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
    (plants_register.wrong_sex, 10),
    (plants_register.protection_not_carried, 10),
    (plants_register.child_paid_twice, 10),
    (plants_register.not_enrolled_at_65, 10),
    (plants_place.mailed_to_hidden_address, 8),
    (plants_place.paid_to_former_household, 6),
    (plants_place.building_differs, 16),
    (plants_place.town_renamed_in_part, 12),
    (plants_number.one_number_two_people, 12),
    (plants_number.kept_outsiders_number, 12),
    (plants_event.taxed_without_residence, 15),
    (plants_event.cancelled_departure, 6),
    (plants_event.cancelled_arrival, 6),
    (plants_event.new_sheet_taken_for_departure, 12),
    (plants_event.care_past_limit, 8),
    (plants_event.tax_past_limit, 8),
    (plants_letters.broken_name, 8),
    (plants_letters.broken_address, 8),
    (plants_payment.account_of_the_dead, 12),
    (plants_payment.account_of_a_stranger, 12),
    (plants_payment.assisted_and_insured, 12),
    (plants_payment.insured_elsewhere, 12),
    (plants_payment.removed_and_insured, 6),
    (plants_payment.exception_lost, 12),
    (plants_payment.stay_expired, 12),
    (plants_taxation.owner_without_representative, 12),
    (plants_taxation.exemption_not_reflected, 12),
    (plants_taxation.wrong_dependant, 12),
    (plants_taxation.mail_returned_again, 12),
    (plants_taxation.agent_gone, 12),
    (plants_taxation.never_arrived, 16),
    (plants_stay.exception_after_return, 12),
    (plants_stay.insured_twice, 12),
    (plants_stay.not_insurable, 12),
    (plants_taxation.mailed_to_former_agent, 12),
    (plants_account.account_shared_by_many, 4),
    (plants_account.account_changed_before_payment, 12),
    (plants_individual_number.number_of_the_spouse, 12),
    (plants_individual_number.number_of_a_stranger, 12),
    (plants_individual_number.number_not_carried, 12),
)
#: What looks like one of these and is none: nothing may be found there. In the same proportion.
_LOOK_ALIKES_AT_20K = (
    (plants_place.building_written_otherwise, 9),
    (plants_place.hidden_neighbour, 4),
    (plants_place.hidden_family, 4),
    (plants_place.town_renamed, 6),
    (plants_number.only_the_birth_differs, 4),
    (plants_number.ended_outsiders_number, 6),
    (plants_number.namesake_elsewhere, 6),
    (plants_household.left_alone, 6),
    (plants_household.never_had_a_head, 6),
    (plants_household.born_with_the_head, 6),
    (plants_event.taxed_on_the_day, 6),
    (plants_event.cancelled_everywhere, 6),
    (plants_event.new_sheet_understood, 6),
    (plants_event.late_within_limit, 5),
    (plants_letters.broken_in_both, 4),
    (plants_payment.account_settled_after_death, 6),
    (plants_payment.account_of_a_child, 6),
    (plants_payment.assisted_and_in_care, 4),
    (plants_payment.listed_once, 4),
    (plants_payment.stay_without_end, 4),
    (plants_taxation.assisted_since_january, 6),
    (plants_taxation.much_earning_spouse, 4),
    (plants_taxation.mail_returned_once, 6),
    (plants_taxation.agent_ended, 4),
    (plants_taxation.mailed_to_agent_by_wish, 4),
    (plants_stay.exception_understood, 6),
    (plants_stay.insurable_by_its_kind, 6),
    (plants_account.account_of_a_guardian, 4),
    (plants_individual_number.number_given_anew, 6),
)
#: Double entry within one office, and keying that is none. In the same proportion.
_ENTRIES_AT_20K = (
    (plants_entry.record_typed_twice, 6),
    (plants_entry.benefit_typed_twice, 6),
    (plants_entry.address_typed_by_robot, 8),
    (plants_entry.addresses_typed_too_fast, 12),
)


def plant(state: CityState) -> None:
    """Plant everything of the base day, and its two broken files."""
    rng = draws("plants", state.seed)
    picker = Picker(state, rng)
    for put, share in (*_AT_20K, *_LOOK_ALIKES_AT_20K, *_ENTRIES_AT_20K):
        put(state, picker, rng, max(2, round(share * state.size / 20_000)))
    plants_entry.broken_files(state)
    hear_of_arrivals(state, in_new_versions=False)
    state.versions.clear()
