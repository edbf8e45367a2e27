"""How the tax and the welfare office write down what 住基 says: notation, codes, numbers."""

from datetime import date, timedelta
from random import Random
from typing import TypedDict

from renkei_sample.identifiers import from_ymd, half_kana, iso_birth, narrow, wareki, wareki_birth, wide, ymd
from renkei_sample.records import Assessment, Benefit, Recipient, Resident, Taxpayer
from renkei_sample.towns import tax_text, welfare_text

WELFARE_STATUS = {"1": "有効", "2": "転出", "3": "死亡", "9": "終了"}
WELFARE_ROLE = {
    "02": "本人",
    "11": "夫",
    "12": "妻",
    "20": "子",
    "51": "父",
    "52": "母",
    "71": "兄",
    "74": "弟",
    "81": "姉",
    "84": "妹",
}
WELFARE_SEX = {"1": "M", "2": "F", "0": "U"}
TAX_REASON = {
    "address": "01",
    "name": "02",
    "moved_out": "03",
    "death": "04",
    "new": "05",
    "date_of_birth": "06",
}
TAX_REASON |= {"household": "07", "protection": "09", "other": "09"}
WELFARE_REASON = {"address": "住所", "name": "氏名", "moved_out": "転出", "death": "死亡", "new": "新規"}
WELFARE_REASON |= {
    "date_of_birth": "生年月日",
    "household": "世帯",
    "protection": "その他",
    "other": "その他",
}


class TaxStamp(TypedDict):
    """Who keyed a tax record last, and when."""

    koshin_ymdhms: str
    sosa_id: str
    tanmatsu_id: str


class WelfareStamp(TypedDict):
    """Who keyed a welfare record last, and when."""

    koshin: str
    koshinsha: str
    tanmatsu: str


class Mailing(TypedDict):
    """Where notices of an assessment go."""

    sofu_yubin: str
    sofu_jusho: str
    sofu_katagaki: str


class Hand:
    """Who keys a change, and when: a clerk at the counter, or the night's batch."""

    def __init__(self, rng: Random, day: date, *, kind: str) -> None:
        self.rng, self.day, self.kind = rng, day, kind

    def tax(self) -> TaxStamp:
        """Update columns of a tax record."""
        clerk = (
            f"S0{self.rng.randint(301, 315)}"
            if self.kind == "person"
            else {"batch": "BATCH01", "robot": "RPA01"}[self.kind]
        )
        terminal = f"TX{self.rng.randint(1, 12):02d}" if self.kind == "person" else "NIGHT"
        return {"koshin_ymdhms": ymd(self.day) + self._time(""), "sosa_id": clerk, "tanmatsu_id": terminal}

    def welfare(self) -> WelfareStamp:
        """Update elements of a welfare record."""
        clerk = (
            f"S0{self.rng.randint(501, 520)}"
            if self.kind == "person"
            else {"batch": "BATCH02", "robot": "RPA02"}[self.kind]
        )
        terminal = f"FK{self.rng.randint(1, 15):02d}" if self.kind == "person" else "NIGHT"
        return {
            "koshin": f"{self.day.isoformat()}T{self._time(':')}+09:00",
            "koshinsha": clerk,
            "tanmatsu": terminal,
        }

    def _time(self, mark: str) -> str:
        second = (
            self.rng.randrange(8 * 3600 + 1800, 17 * 3600)
            if self.kind == "person"
            else 19 * 3600 + self.rng.randrange(3600)
        )
        return mark.join((f"{second // 3600:02d}", f"{second // 60 % 60:02d}", f"{second % 60:02d}"))


def style_of(number: str, styles: int) -> int:
    """Which notation a record was first keyed in; it stays the same for the record's life."""
    return int(number[:-1]) * 7919 // 11 % styles


def tax_address(entry: Resident) -> dict[str, str]:
    """Address columns of KJ for a 住基 row."""
    return {
        "yubin": entry.yubin_no,
        "shikuchoson": entry.shikuchoson_cd,
        "jusho": tax_text(entry.machiaza, entry.banchi, style_of(entry.atena_no, 3)),
        "katagaki": entry.katagaki or "",
    }


def mailing_address(entry: Resident) -> Mailing:
    """Mailing columns of FK for a 住基 row."""
    where = tax_address(entry)
    return {"sofu_yubin": where["yubin"], "sofu_jusho": where["jusho"], "sofu_katagaki": where["katagaki"]}


def tax_name(entry: Resident, kana_of_common_name: str | None = None) -> dict[str, str]:
    """Name columns of KJ: the common name (通称) where there is one, letters in full width."""
    if entry.tsusho and kana_of_common_name:
        return {"shimei": entry.tsusho, "shimei_kana": half_kana(kana_of_common_name)}
    return {"shimei": wide(entry.shimei), "shimei_kana": half_kana(entry.shimei_kana)}


def taxpayer(entry: Resident, hand: Hand, *, kana_of_common_name: str | None = None) -> Taxpayer:
    """The tax office's own record of a person in 住基."""
    return Taxpayer(
        atena_no=entry.atena_no,
        atena_kbn="1",
        **tax_name(entry, kana_of_common_name),
        seibetsu=entry.seibetsu,
        seinengappi=wareki_birth(entry.seinengappi),
        setai_no=entry.setai_no,
        zokugara=entry.zokugara,
        **tax_address(entry),
        jotai=entry.jumin_jotai,
        ido_ymd=wareki(from_ymd(entry.ido_ymd)),
        koshin_jiyu=tax_reason(entry),
        **hand.tax(),
        shien="1" if entry.shien_kbn != "0" else "0",
    )


def tax_reason(entry: Resident) -> str:
    """更新事由 of KJ for the last event of a 住基 row."""
    return {
        "13": "04",
        "11": "03",
        "12": "03",
        "21": "01",
        "41": "02",
        "31": "07",
        "32": "07",
        "33": "07",
    }.get(entry.ido_jiyu, "05")


def assessment(entry: Resident, hand: Hand, *, levy: str, amount: int, year: int) -> Assessment:
    """This year's 個人住民税 of a person, mailed to where 住基 says."""
    return Assessment(
        atena_no=entry.atena_no,
        nendo=str(year),
        choshu=levy,
        sofu_shitei="0",
        **mailing_address(entry),
        nenzei=amount,
        koshin_jiyu="09",
        **hand.tax(),
    )


def welfare_address(entry: Resident) -> dict[str, str]:
    """Address elements of 対象者 for a 住基 row."""
    return {
        "yubin": entry.yubin_no,
        "shikuchoson": entry.shikuchoson_cd,
        "jusho": welfare_text(entry.machiaza, entry.banchi, style_of(entry.atena_no, 2)),
        "katagaki": narrow(entry.katagaki or ""),
    }


def recipient(entry: Resident, hand: Hand, *, number: str, household: str) -> Recipient:
    """The welfare office's own record of a person in 住基."""
    return Recipient(
        bango=number,
        atena_no=entry.atena_no,
        shimei=entry.shimei,
        kana=entry.shimei_kana,
        seibetsu=WELFARE_SEX[entry.seibetsu],
        seinengappi=iso_birth(entry.seinengappi),
        setai_no=household,
        zokugara=WELFARE_ROLE.get(entry.zokugara, "その他"),
        **welfare_address(entry),
        jotai=WELFARE_STATUS[entry.jumin_jotai],
        ido_ymd=from_ymd(entry.ido_ymd).isoformat(),
        jiyu="新規" if hand.kind == "person" else welfare_reason(entry),
        **hand.welfare(),
        shien="有" if entry.shien_kbn != "0" else "無",
    )


def welfare_reason(entry: Resident) -> str:
    """更新事由 of 福祉 for the last event of a 住基 row."""
    kinds = {
        "13": "死亡",
        "11": "転出",
        "12": "転出",
        "21": "住所",
        "41": "氏名",
        "31": "世帯",
        "32": "世帯",
        "33": "世帯",
    }
    return kinds.get(entry.ido_jiyu, "新規")


def benefit(
    number: str, hand: Hand, *, of: str, kind: str, start: date, amount: int, payee: str | None = None
) -> Benefit:
    """A benefit that runs."""
    return Benefit(
        bango=number,
        taishosha=of,
        jukyusha=payee,
        shubetsu=kind,
        jotai="受給中",
        kaishi=start.isoformat(),
        shuryo=None,
        shuryo_jiyu=None,
        getsugaku=amount,
        jiyu="新規",
        **hand.welfare(),
    )


def end_of(benefit_kind: str, entry: Resident) -> str:
    """The right last day of a benefit after a death or a move: insurance ends the day after a death."""
    left = from_ymd(entry.shibo_ymd or entry.tenshutsu_ymd or entry.ido_ymd)
    insured = benefit_kind != "児童手当" and entry.shibo_ymd
    return (left + timedelta(days=1) if insured else left).isoformat()
