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
    """One record of 税 FK, before padding. ``nenzei`` is whole yen a year."""

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


Row = Resident | Taxpayer | Assessment | Recipient | Benefit
