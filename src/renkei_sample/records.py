"""One row of each legacy table, in the words and the text forms of the system that owns it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """One version of a person in 住基 (``juki.kojin_rireki``). Dates are YYYYMMDD text."""

    atena_no: str
    rireki_no: int
    setai_no: str
    jumin_shubetsu: str
    jumin_jotai: str
    shimei: str
    shimei_kana: str
    kyu_uji: str | None
    tsusho: str | None
    seibetsu: str
    seinengappi: str
    seinengappi_hyoki: str | None
    zokugara: str
    shikuchoson_cd: str
    machiaza: str
    banchi: str
    katagaki: str | None
    yubin_no: str
    jutei_ymd: str
    ido_jiyu: str
    ido_ymd: str
    todoke_ymd: str
    shibo_ymd: str | None
    tenshutsu_ymd: str | None
    tennyu_ymd: str | None
    shien_kbn: str
    koshin_ts: str
    sosa_id: str
    tanmatsu_id: str
    zairyu_shikaku: str | None = None
    zairyu_manryo_ymd: str | None = None
    tenshutsu_yotei_ymd: str | None = None
    tennyu_tsuchi_ymd: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxpayer:
    """One record of 税 KJ, before padding. Kana is half-width; short dates are GYYMMDD."""

    atena_no: str
    atena_kbn: str
    shimei: str
    shimei_kana: str
    seibetsu: str
    seinengappi: str
    setai_no: str
    zokugara: str
    yubin: str
    shikuchoson: str
    jusho: str
    katagaki: str
    jotai: str
    ido_ymd: str
    koshin_jiyu: str
    koshin_ymdhms: str
    sosa_id: str
    tanmatsu_id: str
    shien: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """One record of 税 FK, before padding. ``nenzei`` is whole yen a year; 1 is yes, 0 no."""

    atena_no: str
    nendo: str
    choshu: str
    sofu_shitei: str
    sofu_yubin: str
    sofu_jusho: str
    sofu_katagaki: str
    nenzei: int
    koshin_jiyu: str
    koshin_ymdhms: str
    sosa_id: str
    tanmatsu_id: str
    hikazei: str = "0"
    shogaisha: str = "0"
    ho294: str = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One 対象者 of 福祉. An absent element is ``None``."""

    bango: str
    atena_no: str | None
    shimei: str
    kana: str
    seibetsu: str
    seinengappi: str
    setai_no: str
    zokugara: str
    yubin: str
    shikuchoson: str
    jusho: str
    katagaki: str
    jotai: str
    ido_ymd: str
    koshin: str
    jiyu: str
    koshinsha: str
    tanmatsu: str
    shien: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """One 給付 of 福祉: who it is for, who receives it, and from when to when."""

    bango: str
    taishosha: str
    jukyusha: str | None
    shubetsu: str
    jotai: str
    kaishi: str
    shuryo: str | None
    shuryo_jiyu: str | None
    getsugaku: int
    koshin: str
    jiyu: str
    koshinsha: str
    tanmatsu: str
    tokurei: str | None = None
    nyusho: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One 固定資産 of 税 KS. Dates are YYYYMMDD, empty where there is none."""

    bukken_no: str
    atena_no: str
    daihyo_no: str
    daihyo_ymd: str
    shurui: str
    jotai: str
    koshin_ymdhms: str
    sosa_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependant:
    """One 扶養 of 税 FY: who claims whom for a year. ``shotoku`` is yen, empty where it is not known."""

    nendo: str
    fuyosha_no: str
    hifuyosha_no: str
    shotoku: str
    koshin_ymdhms: str
    sosa_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedMail:
    """One 返戻 of 税 HR: a notice that came back, and what became of it."""

    henrei_no: str
    atena_no: str
    hasso_ymd: str
    henrei_ymd: str
    riyu: str
    koji_ymd: str
    kaisho_ymd: str
    koshin_ymdhms: str
    sosa_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """One 代理 of 税 DR: who acts for whom."""

    dairi_no: str
    atena_no: str
    dairinin_no: str
    shurui: str
    kaishi_ymd: str
    shuryo_ymd: str
    koshin_ymdhms: str
    sosa_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One 口座 of 福祉: whose, for what, and where. An absent element is ``None``."""

    bango: str
    taishosha: str
    yoto: str
    ginko: str
    shiten: str
    shumoku: str
    koza: str
    meigi: str
    henkobi: str | None
    yoteibi: str | None
    jotai: str
    koshin: str
    koshinsha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleEntitlement:
    """One line of a 資格重複結果一覧 that 福祉 was sent."""

    bango: str
    taishosha: str
    ichiranbi: str
    hokensha: str
    shutokubi: str
    koshin: str
    koshinsha: str


Row = (
    Resident
    | Taxpayer
    | Assessment
    | Recipient
    | Benefit
    | Property
    | Dependant
    | ReturnedMail
    | Representation
    | Account
    | DoubleEntitlement
)
