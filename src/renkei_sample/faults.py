"""What goes wrong on a day: changes that never arrive, slips, double work, and cases that come back."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from renkei_sample import findings, happenings
from renkei_sample.base import LONG_TERM_CARE, enrol_welfare, start_benefit
from renkei_sample.desk import ended, running, tell_mailing, tell_tax, tell_welfare
from renkei_sample.happenings import choose, relocate, tell_later
from renkei_sample.identifiers import from_ymd
from renkei_sample.legacy.nightly import SHORT, WHOLE_AGAIN, short_by
from renkei_sample.offices import Hand, mailing_address, tax_address, welfare_address
from renkei_sample.plants_entry import mistype_tax_address
from renkei_sample.population import HEAD, moved_out
from renkei_sample.records import Resident
from renkei_sample.retyped import DESK
from renkei_sample.slips import wrong_birth
from renkei_sample.state import ODD_FILES, CityState
from renkei_sample.truth import Truth

#: Records that a file must lack to come short: R39 takes a hundred fewer for an ordinary day.
_TOLD_SHORT = 150


def lose_move(state: CityState, rng: Random) -> int:
    """A household's move never reaches the tax office: R10 for each taxpayer, R06 for each notice."""
    entry = choose(state, rng, lambda entry: entry.zokugara == HEAD and entry.atena_no in state.taxpayers)
    if entry is None:
        return 0
    moved = relocate(state, rng, entry)
    tell_later(state, "address", moved, "welfare")
    for row in moved:
        if row.atena_no in state.taxpayers:
            findings.other_address(state, row, state.taxpayers[row.atena_no])
        if _is_mailed(state, row):
            findings.old_mailing_address(state, row)
    return 1


def lose_name(state: CityState, rng: Random) -> int:
    """A new surname never reaches the tax office: R13."""
    entry = choose(
        state, rng, lambda entry: happenings.may_marry(state, entry) and entry.atena_no in state.taxpayers
    )
    if entry is None:
        return 0
    named = happenings.rename(state, rng, entry)
    tell_later(state, "name", [named], "welfare")
    findings.other_name(state, named, state.taxpayers[entry.atena_no], klass="other_name")
    return 1


def lose_death(state: CityState, rng: Random) -> int:
    """A death never reaches the welfare office: R02 for each insurance that runs on."""
    wanted = happenings.may_die
    entry = choose(
        state, rng, lambda entry: wanted(state, entry) and happenings.is_long_term_insured(state, entry)
    )
    if entry is None:
        return 0
    gone = happenings.bury(state, rng, entry)
    tell_later(state, "death", [gone], "tax")
    for row in running(state, gone.atena_no):
        findings.insurance_after_death(state, gone, row)
    return 1


def lose_move_out(state: CityState, rng: Random) -> int:
    """Someone who lives alone moves out and the welfare office never hears: R05 for each benefit."""
    entry = choose(
        state,
        rng,
        lambda entry: len(state.household(entry.setai_no)) == 1 and bool(running(state, entry.atena_no)),
    )
    if entry is None:
        return 0
    gone = moved_out(rng, entry, on=state.day, day=state.day)
    state.put_resident(gone)
    tell_later(state, "moved_out", [gone], "tax")
    for row in running(state, gone.atena_no):
        findings.benefit_after_moving_out(state, gone, row)
    return 1


def lose_parting(state: CityState, rng: Random) -> int:
    """A 世帯分離 never reaches the welfare office: R19, where it knows both people."""
    entry = choose(
        state,
        rng,
        lambda entry: happenings.may_part(state, entry) and _head_at_welfare(state, entry) is not None,
    )
    if entry is None:
        return 0
    head, held = _head_at_welfare(state, entry), state.recipient_of(entry.atena_no)
    row = happenings.part(state, rng, entry)
    tell_later(state, "household", [row], "tax")
    if head is not None and held is not None:
        findings.other_household(state, row, head, held)
    return 1


def type_twice(state: CityState, rng: Random) -> int:
    """A move is keyed again at the tax counter the same afternoon: R38. The batch finds nothing to do."""
    moved = _move_one(state, rng)
    if moved is None:
        return 0
    tell_tax(state, moved, Hand(rng, state.day, kind="person"), kind="address")
    _carry_rest(state, rng, moved)
    findings.double_entry(state, moved, state.taxpayers[moved.atena_no])
    return 1


def type_wrong(state: CityState, rng: Random) -> int:
    """The same, with a slip in the house number: R38 with an error, and R10."""
    moved = _move_one(state, rng)
    if moved is None:
        return 0
    tell_tax(state, moved, Hand(rng, state.day, kind="person"), kind="address")
    row, why = mistype_tax_address(state, moved, rng)
    _carry_rest(state, rng, moved)
    findings.double_entry(state, moved, row, has_error=True)
    findings.other_address(state, moved, row, why=why)
    return 1


def type_again(state: CityState, rng: Random) -> int:
    """A move is keyed at one tax desk the next day, and at another the day after: R38, then R50."""
    return _leave_to_desk(state, rng, "typed")


def type_over(state: CityState, rng: Random) -> int:
    """A tax desk keys what the batch has brought the day before: no double entry for want of a feed."""
    return _leave_to_desk(state, rng, "carried")


def enrol_with_wrong_birth(state: CityState, rng: Random) -> int:
    """A newcomer is enrolled by hand at the welfare counter with a wrong birth date: R11."""
    entry = happenings.arrive(state, rng, children=0)[0]
    born = from_ymd(entry.seinengappi)
    slips = (
        ("day_month_swap", wrong_birth(born, "day_month_swap", rng)),
        ("one_digit", wrong_birth(born, "one_digit", rng)),
    )
    klass, wrong = next((slip for slip in slips if slip[1] is not None), ("", None))
    number = enrol_welfare(state, rng, entry, household=state.welfare_number("W"), day=state.day, by="person")
    start_benefit(state, rng, of=number, kind=LONG_TERM_CARE, start=state.day, day=state.day, by="person")
    if wrong is not None:
        row = replace(state.recipients[number], seinengappi=wrong.isoformat())
        state.put_recipient(row)
        findings.other_birth(state, entry, row, klass=klass)
    return 1


def break_files(state: CityState) -> None:
    """Every third day an assessment file is sent a second time under another name: R39."""
    if state.day.toordinal() % 3 == 0:
        findings.broken_delivery(state, f"FK_{state.day:%Y%m%d}R.DAT", findings.ASSESSMENT, klass="duplicate")
    if ODD_FILES in state.extras:
        _break_more_files(state)


def _break_more_files(state: CityState) -> None:
    """R39: a file lacks a quarter and is whole the next day, miscounts, has a name or a day of before."""
    number, feed = state.day.toordinal(), findings.ASSESSMENT
    if state.counters.get(SHORT) == number - 1:
        _odd_size(state, WHOLE_AGAIN)
    elif number % 3 == 1 and short_by(state) >= _TOLD_SHORT:
        _odd_size(state, SHORT)
        state.counters[SHORT] = number
    if number % 5 == 1:
        findings.broken_delivery(state, f"KJ_{state.day:%Y%m%d}X.DAT", findings.TAX, klass="refused")
    if number % 5 == 2:
        name = f"FK_{state.day - timedelta(days=1):%Y%m%d}.DAT"
        findings.broken_delivery(state, name, feed, klass="name_reused")
    if number % 5 == 3:
        findings.broken_delivery(state, f"FK_{state.day:%Y%m%d}O.DAT", feed, klass="out_of_order")


def _odd_size(state: CityState, how: str) -> None:
    name, feed = f"KS_{state.day:%Y%m%d}.CSV", "tax.property"
    findings.broken_delivery(state, name, feed, klass="volume")
    state.anomalies[-1] = (name, feed, how)


def correct_and_relapse(state: CityState, rng: Random, *, last_night: date) -> None:
    """Staff settle a tenth of what is open; an old file brings back one of what was settled before."""
    relapsing = [truth for truth in state.ledger.truths if _is_settled(state, truth)]
    for truth in sorted(relapsing, key=_key)[: max(1, len(relapsing) // 6)]:
        _relapse(state, rng, truth)
    open_ones = [truth for truth in state.ledger.due(last_night) if (truth.rule_id, truth.field) in _CORRECT]
    for truth in rng.sample(sorted(open_ones, key=_key), min(len(open_ones), max(3, len(open_ones) // 10))):
        if truth.gone_from is None and truth in state.ledger.truths:
            _CORRECT[truth.rule_id, truth.field](state, rng, truth)
            _end(state, truth)


def _end(state: CityState, truth: Truth) -> None:
    """What was said of the same two records because of the same value ends with it."""
    said = next((each for each in _ONE_VALUE if (truth.rule_id, truth.field) in each), frozenset())
    for other in list(state.ledger.truths):
        together = (other.rule_id, other.field) in said and _sides(other) == _sides(truth)
        if other.gone_from is None and (other == truth or together):
            state.ledger.end(other, state.day)


def _sides(truth: Truth) -> tuple[str | None, ...]:
    return truth.left_feed, truth.left_key, truth.right_feed, truth.right_key


def _correct_address(state: CityState, rng: Random, truth: Truth) -> None:
    entry, hand = state.residents[str(truth.left_key)], Hand(rng, state.day, kind="robot")
    if truth.right_feed == findings.TAX:
        tell_tax(state, entry, hand, kind="address")
    else:
        tell_welfare(state, entry, hand, kind="address")


def _correct_mailing(state: CityState, rng: Random, truth: Truth) -> None:
    tell_mailing(state, state.residents[str(truth.left_key)], Hand(rng, state.day, kind="robot"))


def _correct_benefit(state: CityState, rng: Random, truth: Truth) -> None:
    entry, row = state.residents[str(truth.left_key)], state.benefits[str(truth.right_key)]
    state.put_benefit(ended(row, entry, Hand(rng, state.day, kind="robot")))


def _correct_name(state: CityState, rng: Random, truth: Truth) -> None:
    entry, hand = state.residents[str(truth.left_key)], Hand(rng, state.day, kind="robot")
    if truth.right_feed == findings.TAX:
        tell_tax(state, entry, hand, kind="name")
    else:
        tell_welfare(state, entry, hand, kind="name")


def _correct_status(state: CityState, rng: Random, truth: Truth) -> None:
    entry = state.residents[str(truth.left_key)]
    tell_tax(state, entry, Hand(rng, state.day, kind="robot"), kind="other")


#: What staff correct, by rule and field.
_CORRECT = {
    ("R02", "ended_on"): _correct_benefit,
    ("R05", "status"): _correct_benefit,
    ("R06", "mailing_address"): _correct_mailing,
    ("R09", "address_building"): _correct_address,
    ("R10", "address"): _correct_address,
    ("R14", "common_name"): _correct_name,
    ("R32", "status"): _correct_status,
    ("R42", "address"): _correct_address,
    ("R42", "name"): _correct_name,
}
#: Findings that speak of one and the same value, and so end together.
_ONE_VALUE = (
    frozenset({("R10", "address"), ("R42", "address"), ("R34", "address_town")}),
    frozenset({("R13", "name"), ("R42", "name")}),
)


def _is_settled(state: CityState, truth: Truth) -> bool:
    """Corrected before today, about an address, and not yet back."""
    if truth.rule_id not in ("R10", "R06") or truth.gone_from is None or truth.gone_from >= state.day:
        return False
    return not any(
        _key(other) == _key(truth) and other.planted_on > truth.planted_on for other in state.ledger.truths
    )


def _relapse(state: CityState, rng: Random, truth: Truth) -> None:
    """The value from before the correction is back, as a batch leaves it: reason その他."""
    entry = state.residents[str(truth.left_key)]
    elsewhere = replace(
        entry, banchi=entry.banchi.replace(entry.banchi[0], "７" if entry.banchi[0] != "７" else "８", 1)
    )
    stamp = Hand(rng, state.day, kind="batch")
    if truth.rule_id == "R06":
        notice = state.assessments[entry.atena_no]
        state.assessments[entry.atena_no] = replace(
            notice, **mailing_address(elsewhere), koshin_jiyu="09", **stamp.tax()
        )
        findings.old_mailing_address(state, entry, why="transposed")
    elif truth.right_feed == findings.TAX:
        row = state.taxpayers[str(truth.right_key)]
        back = replace(row, **tax_address(elsewhere), koshin_jiyu="09", **stamp.tax())
        state.taxpayers[row.atena_no] = back
        findings.other_address(state, entry, back, why="transposed")
    else:
        held = state.recipients[str(truth.right_key)]
        again = replace(held, **welfare_address(elsewhere), jiyu="その他", **stamp.welfare())
        state.put_recipient(again)
        findings.other_address(state, entry, again, why="transposed")


def _key(truth: Truth) -> tuple[str, str, str]:
    return truth.rule_id, f"{truth.left_feed}/{truth.left_key}", f"{truth.right_feed}/{truth.right_key}"


def _move_one(state: CityState, rng: Random) -> Resident | None:
    entry = choose(
        state,
        rng,
        lambda entry: len(state.household(entry.setai_no)) == 1 and entry.atena_no in state.taxpayers,
    )
    return relocate(state, rng, entry)[0] if entry else None


def _leave_to_desk(state: CityState, rng: Random, task: str) -> int:
    moved = _move_one(state, rng)
    if moved is None:
        return 0
    state.quiet.add(moved.atena_no)
    _carry_rest(state, rng, moved)
    tell_later(state, task, [moved], DESK)
    return 1


def _carry_rest(state: CityState, rng: Random, moved: Resident) -> None:
    """The notices at once, the welfare office by the batch."""
    tell_mailing(state, moved, Hand(rng, state.day, kind="person"))
    tell_later(state, "address", [moved], "welfare")


def _is_mailed(state: CityState, entry: Resident) -> bool:
    row = state.assessments.get(entry.atena_no)
    return row is not None and row.choshu == "1" and row.sofu_shitei == "0"


def _head_at_welfare(state: CityState, entry: Resident) -> Resident | None:
    own = state.recipient_of(entry.atena_no)
    heads = [member for member in state.household(entry.setai_no) if member.zokugara == HEAD]
    for head in heads if own else []:
        held = state.recipient_of(head.atena_no)
        if held is not None and own is not None and held.setai_no == own.setai_no:
            return head
    return None
