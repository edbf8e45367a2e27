"""How a change in 住基 is carried into a record of another office, by a clerk or by the night batch."""

from dataclasses import replace

from renkei_sample.identifiers import from_ymd, wareki
from renkei_sample.offices import (
    TAX_REASON,
    WELFARE_REASON,
    WELFARE_ROLE,
    WELFARE_STATUS,
    Hand,
    end_of,
    mailing_address,
    tax_address,
    tax_name,
    welfare_address,
)
from renkei_sample.records import Benefit, Resident
from renkei_sample.state import CityState

CHILD_ALLOWANCE = "児童手当"


def tell_tax(state: CityState, entry: Resident, hand: Hand, *, kind: str) -> None:
    """Bring the tax record of a person up to 住基. ``kind``: address name household death moved_out other."""
    row = state.taxpayers.get(entry.atena_no)
    if row is None:
        return
    if kind == "name":
        facts = tax_name(entry, state.serials.common_kana.get(entry.atena_no))
    elif kind == "address":
        facts = tax_address(entry)
    else:
        facts = {"jotai": entry.jumin_jotai}
    state.taxpayers[entry.atena_no] = replace(
        row,
        **facts,
        setai_no=entry.setai_no,
        zokugara=entry.zokugara,
        ido_ymd=wareki(from_ymd(entry.ido_ymd)),
        koshin_jiyu=TAX_REASON[kind],
        **hand.tax(),
        shien="1" if entry.shien_kbn != "0" else row.shien,
    )


def tell_mailing(state: CityState, entry: Resident, hand: Hand) -> None:
    """Send this year's notices to the new address, unless the taxpayer asked for another."""
    row = state.assessments.get(entry.atena_no)
    if row is not None and row.sofu_shitei == "0":
        state.assessments[entry.atena_no] = replace(
            row, **mailing_address(entry), koshin_jiyu="01", **hand.tax()
        )


def tell_welfare(
    state: CityState, entry: Resident, hand: Hand, *, kind: str, household: str | None = None
) -> None:
    """Bring the welfare record of a person up to 住基; ``household`` is a new 認定世帯 number."""
    row = state.recipient_of(entry.atena_no)
    if row is None:
        return
    facts = welfare_address(entry) if kind == "address" else {}
    state.put_recipient(
        replace(
            row,
            **facts,
            shimei=entry.shimei,
            kana=entry.shimei_kana,
            setai_no=household or row.setai_no,
            zokugara=WELFARE_ROLE.get(entry.zokugara, "その他"),
            jotai=WELFARE_STATUS[entry.jumin_jotai],
            ido_ymd=from_ymd(entry.ido_ymd).isoformat(),
            jiyu=WELFARE_REASON[kind],
            **hand.welfare(),
            shien="有" if entry.shien_kbn != "0" else row.shien,
        )
    )


def running(state: CityState, atena_no: str) -> list[Benefit]:
    """Benefits that a person has part in and that have not ended."""
    held = state.recipient_of(atena_no)
    return [row for row in state.benefits_of(held.bango) if row.jotai == "受給中"] if held else []


def own_benefits(state: CityState, atena_no: str) -> list[Benefit]:
    """Running benefits that are for the person: not those received for a child."""
    held = state.recipient_of(atena_no)
    return [row for row in running(state, atena_no) if held and row.taishosha == held.bango]


def end_benefits(
    state: CityState, entry: Resident, hand: Hand, *, keep: frozenset[str] = frozenset()
) -> None:
    """End what a person who died or left has part in, except what is to be forgotten."""
    for row in running(state, entry.atena_no):
        if row.bango not in keep:
            state.put_benefit(ended(row, entry, hand))


def ended(row: Benefit, entry: Resident, hand: Hand) -> Benefit:
    """A benefit closed because its person died, left, or was removed."""
    reason = {"3": "死亡", "2": "転出"}.get(entry.jumin_jotai, "その他")
    return replace(
        row,
        jotai="消滅",
        shuryo=end_of(row.shubetsu, entry),
        shuryo_jiyu=reason,
        jiyu=reason,
        **hand.welfare(),
    )
