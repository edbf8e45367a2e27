"""Plants beside the two tables of the tax office: owners, dependants, exemptions, agents, returned mail."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from renkei_sample import findings
from renkei_sample.base import CERTIFICATE, PUBLIC_ASSISTANCE, enrol_welfare, start_benefit
from renkei_sample.identifiers import from_ymd, ymd
from renkei_sample.offices import Hand, mailing_address
from renkei_sample.picker import Picker, is_plain_adult, lives_alone
from renkei_sample.plants_event import former, tax_year
from renkei_sample.population import age_of
from renkei_sample.records import Dependant, Property, Representation, Resident, ReturnedMail
from renkei_sample.state import CityState, key_of

_PROPERTY, _DEPENDANT = "tax.property", "tax.dependant"
_RETURNED, _AGENT = "tax.returned_mail", "tax.representation"
_DEAD, _LEFT = "3", "2"
_CLERK = "S0305"
#: Until the notices that were already printed have gone out.
_MAILING_DAYS = 14


# R04 ----------------------------------------------------------------------------------------------


def owner_without_representative(state: CityState, _picker: Picker, _rng: Random, count: int) -> None:
    """R04: an owner died years ago and nobody stands for the heirs; or whoever did has died too."""
    long_ago = date(state.day.year - 1, 8, 1)
    dead = former(state, count, lambda entry: _died(entry) < long_ago, status=_DEAD)
    for number, entry in enumerate(dead):
        other = dead[number - 1] if number % 3 == 2 else None
        row = Property(
            bukken_no=f"{int(entry.atena_no[:-1]) % 10**8:08d}9",
            atena_no=entry.atena_no,
            daihyo_no=other.atena_no if other else "",
            daihyo_ymd=ymd(_died(entry) + timedelta(days=30)) if other else "",
            shurui="1",
            jotai="1",
            koshin_ymdhms="20250401101500",
            sosa_id=_CLERK,
        )
        state.properties[key_of(row)] = row
        findings.stand(
            state,
            "R04",
            "representative_dead" if other else "no_representative",
            field="representative",
            left=(findings.JUKI, (other or entry).atena_no),
            right=(_PROPERTY, row.bukken_no),
        )


def _died(entry: Resident) -> date:
    return from_ymd(entry.shibo_ymd or entry.ido_ymd)


# R26 ----------------------------------------------------------------------------------------------


def exemption_not_reflected(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R26: taxed though assisted on 1 January, or without the deduction that a certificate gives."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_taxed_alone(state, entry))):
        kind = (PUBLIC_ASSISTANCE, CERTIFICATE)[number % 2]
        row = _benefit(state, rng, entry, kind, date(tax_year(state) - 1, 5, 1))
        findings.stand(
            state,
            "R26",
            ("not_exempt", "no_deduction")[number % 2],
            field="assessment",
            left=(findings.BENEFIT, row),
            right=(findings.ASSESSMENT, entry.atena_no),
        )


def assisted_since_january(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: the assistance, or the certificate, came after 1 January."""
    for number, entry in enumerate(picker.take(count, lambda entry: _is_taxed_alone(state, entry))):
        _benefit(state, rng, entry, (PUBLIC_ASSISTANCE, CERTIFICATE)[number % 2], date(tax_year(state), 2, 1))


def _benefit(state: CityState, rng: Random, entry: Resident, kind: str, start: date) -> str:
    home = state.welfare_number("W")
    number = enrol_welfare(state, rng, entry, household=home, day=start, by="person")
    return start_benefit(state, rng, of=number, kind=kind, start=start, day=start, by="person").bango


# R27 ----------------------------------------------------------------------------------------------


def wrong_dependant(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R27: claimed by two, dead before the year began, or earning too much."""
    began = date(tax_year(state) - 1, 1, 1)
    for number in range(count):
        klass = ("claimed_twice", "dependant_dead", "income_over_limit")[number % 3]
        claimants = picker.take(2, lambda entry: _is_taxed_alone(state, entry))
        if klass == "dependant_dead":
            claimed = former(state, 1, lambda entry: _died(entry) < began, status=_DEAD)
        else:
            claimed = picker.take(1, lambda entry: _is_untaxed_alone(state, entry))
        if len(claimants) == 2 and claimed:
            _claim(state, klass, claimants, claimed[0])


def much_earning_spouse(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: within the limit to the yen."""
    for claimant in picker.take(count, lambda entry: _is_taxed_alone(state, entry)):
        for claimed in picker.take(1, lambda entry: _is_untaxed_alone(state, entry)):
            _dependant(state, claimant, claimed, income="1330000")


def _claim(state: CityState, klass: str, claimants: list[Resident], claimed: Resident) -> None:
    if klass == "claimed_twice":
        keys = sorted(_dependant(state, claimant, claimed, income="0") for claimant in claimants)
        left, right = (_DEPENDANT, keys[0]), (_DEPENDANT, keys[1])
    else:
        income = "2000000" if klass == "income_over_limit" else "0"
        left = (findings.JUKI, claimed.atena_no)
        right = (_DEPENDANT, _dependant(state, claimants[0], claimed, income=income))
    findings.stand(state, "R27", klass, field="dependant", left=left, right=right)


def _dependant(state: CityState, claimant: Resident, claimed: Resident, *, income: str) -> str:
    row = Dependant(
        nendo=str(tax_year(state)),
        fuyosha_no=claimant.atena_no,
        hifuyosha_no=claimed.atena_no,
        shotoku=income,
        koshin_ymdhms=f"{tax_year(state)}0420101500",
        sosa_id="BATCH01",
    )
    state.dependants[key_of(row)] = row
    return key_of(row)


# R31 ----------------------------------------------------------------------------------------------


def mail_returned_again(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R31: letters a month apart came back, or the notice was published, and 住基 has the person here."""
    for number, entry in enumerate(picker.take(count, lambda entry: _has_lived_here(state, entry))):
        if number % 2:
            days = [rng.randint(60, 75)]
            row = _came_back(state, entry, days[0], published=state.day - timedelta(days=40))
            klass, since = "published", state.day - timedelta(days=10)
        else:
            days = [rng.randint(60, 75), rng.randint(12, 25)]
            row, _ = (_came_back(state, entry, back) for back in days)
            klass, since = "returned_again", state.day - timedelta(days=days[-1])
        findings.stand(
            state,
            "R31",
            klass,
            field="resident_status",
            left=(findings.JUKI, entry.atena_no),
            right=(_RETURNED, row),
            since=since,
        )


def mail_returned_once(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: one letter, two within weeks, or one that was refused at the door."""
    for number, entry in enumerate(picker.take(count, lambda entry: _has_lived_here(state, entry))):
        first = rng.randint(30, 45)
        _came_back(state, entry, first)
        if number % 3 == 1:
            _came_back(state, entry, first - 10)
        elif number % 3 == 2:
            _came_back(state, entry, first + 40, why="3")


def _came_back(
    state: CityState, entry: Resident, days: int, *, published: date | None = None, why: str = "1"
) -> str:
    back = state.day - timedelta(days=days)
    row = ReturnedMail(
        henrei_no=f"{90_000_000 + state.next_number('returned'):08d}",
        atena_no=entry.atena_no,
        hasso_ymd=ymd(back - timedelta(days=7)),
        henrei_ymd=ymd(back),
        riyu=why,
        koji_ymd=ymd(published) if published else "",
        kaisho_ymd="",
        koshin_ymdhms=f"{ymd(published or back)}101500",
        sosa_id=_CLERK,
    )
    state.returned_mail[key_of(row)] = row
    return row.henrei_no


# R36 ----------------------------------------------------------------------------------------------


def agent_gone(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """R36: the agent has died, or whoever is represented has."""
    for number in range(count):
        alive = picker.take(1, lambda entry: _has_lived_here(state, entry))
        dead = former(state, 1, lambda _: True, status=_DEAD)
        if alive and dead:
            agent, represented = (dead[0], alive[0]) if number % 2 else (alive[0], dead[0])
            row = represent(state, represented, agent)
            findings.stand(
                state,
                "R36",
                "agent_dead" if number % 2 else "represented_dead",
                field="agent",
                left=(findings.JUKI, dead[0].atena_no),
                right=(_AGENT, row),
            )


def agent_ended(state: CityState, picker: Picker, _rng: Random, count: int) -> None:
    """Not a mismatch: the agency ended when the agent died."""
    for entry in picker.take(count, lambda entry: _has_lived_here(state, entry)):
        for agent in former(state, 1, lambda _: True, status=_DEAD):
            represent(state, entry, agent, until=_died(agent))


def mailed_to_former_agent(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """R36: the agency ended, and this year's notices still go to the agent; once in a while not yet due."""
    for number, (entry, agent) in enumerate(_represented(state, picker, count)):
        until = state.day - timedelta(days=10 if number % 4 == 3 else rng.randint(30, 120))
        row = represent(state, entry, agent, until=until)
        _mail_to(state, entry, agent)
        findings.stand(
            state,
            "R36",
            "mailed_to_former_agent",
            field="mailing_address",
            left=(_AGENT, row),
            right=(findings.ASSESSMENT, entry.atena_no),
            since=until + timedelta(days=_MAILING_DAYS),
        )


def mailed_to_agent_by_wish(state: CityState, picker: Picker, rng: Random, count: int) -> None:
    """Not a mismatch: the agent was taken on again, or the address was asked for after the end."""
    for number, (entry, agent) in enumerate(_represented(state, picker, count)):
        until = state.day - timedelta(days=rng.randint(30, 120))
        represent(state, entry, agent, until=until)
        _mail_to(state, entry, agent)
        if number % 2:
            represent(state, entry, agent)
        else:
            asked = Hand(rng, until + timedelta(days=5), kind="person").tax()
            row = state.assessments[entry.atena_no]
            state.assessments[entry.atena_no] = replace(row, koshin_jiyu="09", **asked)


def _represented(state: CityState, picker: Picker, count: int) -> Iterator[tuple[Resident, Resident]]:
    """Taxpayers, each with somebody else of the city who stands for them."""
    entries = picker.take(count, lambda entry: _is_taxed_alone(state, entry))
    agents = picker.take(count, lambda entry: _has_lived_here(state, entry) and entry.shien_kbn == "0")
    return zip(entries, agents, strict=False)


def _mail_to(state: CityState, entry: Resident, agent: Resident) -> None:
    row, there = state.assessments[entry.atena_no], mailing_address(agent)
    state.assessments[entry.atena_no] = replace(row, **there, sofu_shitei="1")


def represent(
    state: CityState, entry: Resident, agent: Resident, *, until: date | None = None, kind: str = "1"
) -> str:
    """An agency that began years ago. ``kind``: 1 納税管理人, 2 成年後見人."""
    row = Representation(
        dairi_no=f"{90_000_000 + state.next_number('represented'):08d}",
        atena_no=entry.atena_no,
        dairinin_no=agent.atena_no,
        shurui=kind,
        kaishi_ymd="20180401",
        shuryo_ymd=ymd(until) if until else "",
        koshin_ymdhms="20180402101500",
        sosa_id=_CLERK,
    )
    state.representations[key_of(row)] = row
    return row.dairi_no


# R40 ----------------------------------------------------------------------------------------------


def never_arrived(state: CityState, _picker: Picker, _rng: Random, count: int) -> None:
    """R40: somebody moved out, and no municipality has told of the arrival; for some the term still runs."""
    few = count // 4
    old = former(state, count - few, lambda entry: _left(state, entry, 40, 3000), status=_LEFT)
    young = former(state, few, lambda entry: _left(state, entry, 18, 29), status=_LEFT)
    for entry in (*old, *young):
        row = state.residents[entry.atena_no]
        state.never_arrives.add(row.atena_no)
        state.put_resident(replace(row, tennyu_tsuchi_ymd=None))
        findings.stand(
            state,
            "R40",
            "no_arrival_notice",
            field="arrival_notified_on",
            left=(findings.JUKI, row.atena_no),
            right=(findings.JUKI, row.atena_no),
            since=max(from_ymd(row.tenshutsu_yotei_ymd or ""), findings.keyed_on(row)) + timedelta(days=31),
        )


def _left(state: CityState, entry: Resident, least: int, most: int) -> bool:
    planned = entry.tenshutsu_yotei_ymd
    return bool(planned) and least <= (state.day - from_ymd(planned or "")).days <= most


# whom ---------------------------------------------------------------------------------------------


def _is_taxed_alone(state: CityState, entry: Resident) -> bool:
    known = _is_alone(state, entry) and state.recipient_of(entry.atena_no) is None
    taxed = state.assessments.get(entry.atena_no)
    old = from_ymd(entry.jutei_ymd).year < tax_year(state) - 1 and age_of(entry, state.day) <= 60
    return known and old and taxed is not None and taxed.nenzei > 0 and taxed.choshu != "3"


def _is_untaxed_alone(state: CityState, entry: Resident) -> bool:
    return (
        _is_alone(state, entry) and entry.atena_no not in state.assessments and age_of(entry, state.day) > 27
    )


def _has_lived_here(state: CityState, entry: Resident) -> bool:
    """Alone, at this address for half a year."""
    settled = from_ymd(entry.jutei_ymd) < state.day - timedelta(days=180)
    return settled and _is_alone(state, entry)


def _is_alone(state: CityState, entry: Resident) -> bool:
    return is_plain_adult(state, entry) and lives_alone(state, entry)
