"""A second opinion on the sample city: its rows read by other code, and the hub's own rules run over them.

Nothing here uses the package's notation or truth code: addresses, dates and reasons are read back from what
the legacy systems would print.
"""

import re
import tomllib
import unicodedata
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from renkei.reconcile.relation import columns_of
from renkei.reconcile.rule import declared_terms
from renkei_sample.state import CityState

RULES = Path(__file__).parents[3] / "reconciliation"
_ERA_ZERO = {"1": 1867, "2": 1911, "3": 1925, "4": 1988, "5": 2018}
_JUKI = {
    "03": "birth",
    "01": "moved_in",
    "02": "moved_in",
    "11": "moved_out",
    "12": "moved_out",
    "13": "death",
    "21": "address",
}
_JUKI |= {
    "22": "correction",
    "23": "correction",
    "31": "household",
    "32": "household",
    "33": "household",
    "41": "name",
    "51": "protection",
}
_JUKI |= {"91": "cancelled", "92": "cancelled", "93": "cancelled", "94": "renewed_sheet", "81": "naturalized"}
_TAX = {
    "01": "address",
    "02": "name",
    "03": "moved_out",
    "04": "death",
    "05": "new",
    "06": "date_of_birth",
    "07": "household",
}
_WELFARE = {
    "住所": "address",
    "氏名": "name",
    "転出": "moved_out",
    "死亡": "death",
    "新規": "new",
    "生年月日": "date_of_birth",
    "世帯": "household",
}
_STATUS = {"1": "resident", "2": "moved_out", "3": "dead", "9": "removed"}
_WELFARE_STATUS = {"有効": "resident", "転出": "moved_out", "死亡": "dead", "終了": "removed"}
_RELATIONSHIP = {"02": "head", "11": "husband", "12": "wife", "20": "child", "51": "father", "52": "mother"}
_RELATIONSHIP |= {"84": "younger_sister", "98": "other", "99": "cohabitant"}
_BENEFIT = {
    "児童手当": "child_allowance",
    "国民健康保険": "national_health",
    "介護保険": "long_term_care",
    "後期高齢者医療": "elderly_health",
    "生活保護": "public_assistance",
    "障害者手帳": "disability_certificate",
}


#: Columns that no system of the city fills.
_UNSAID = (
    pl.lit(None, pl.String).alias("individual_number_token"),
    pl.lit(None, pl.Date).alias("protected_from"),
    pl.lit(None, pl.Date).alias("protected_until"),
)


#: Rules of feeds that are not read here; tests/spec reads them through the real files.
UNREAD = {"R03", "R04", "R18", "R25", "R26", "R27", "R29", "R30", "R31", "R35", "R36", "R37", "R40"}


def findings(
    state: CityState, keyed: set[tuple[Any, ...]] | None = None
) -> set[tuple[str, str, str, str, str]]:
    """(rule, left feed, left key, right feed, right key) that the rules find, delay aware, R39 left out.

    ``keyed`` gathers what was keyed up to each evening that is asked about, since rows are written over.
    """
    con = duckdb.connect()
    con.execute("CREATE SCHEMA juki; CREATE SCHEMA tax; CREATE SCHEMA welfare; CREATE SCHEMA hub")
    frames = _frames(state)
    for name, terms in declared_terms(RULES.parent / "mappings").items():
        con.register("shape", columns_of(terms.record).empty_table())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM shape")
        if name in frames:
            con.register("frame", frames[name].with_columns(_UNSAID).to_arrow())
            con.execute(
                f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM shape UNION ALL BY NAME SELECT * FROM frame"
            )
    keyed = set() if keyed is None else keyed
    keyed |= _entries(frames)
    con.register("frame", pl.DataFrame(sorted(keyed, key=str), schema=_ENTRY, orient="row").to_arrow())
    con.execute("CREATE TABLE hub.entry AS SELECT * FROM frame")
    return {
        row
        for path in sorted(RULES.glob("R*.toml"))
        if path.name[:3] not in {"R39", *UNREAD}
        for row in _run(con, path, state.day)
    }


def _run(con: duckdb.DuckDBPyConnection, path: Path, night: date) -> list[tuple[str, str, str, str, str]]:
    rule = tomllib.loads(path.read_text(encoding="utf-8"))
    given = {"as_of": night, **rule.get("parameters", {})}
    used = {name: value for name, value in given.items() if re.search(rf"\${name}\b", rule["sql"])}
    lag = timedelta(days=0 if rule.get("lasting") else 2)
    columns = "left_feed, left_key, right_feed, right_key"
    rows = con.execute(
        f"SELECT {columns}, CAST(since AS DATE) AS since FROM ({rule['sql']})", used
    ).fetchall()
    return [(rule["id"], *row[:4]) for row in rows if night - row[4] >= lag]


def _frames(state: CityState) -> dict[str, pl.DataFrame]:
    juki = [_juki(row) for row in state.residents.values()]
    by_number = {row["source_key"]: row["resident_id"] for row in juki}
    by_match = {row["match"]: row["resident_id"] for row in juki}
    bad = {(item.feed, item.source_key) for item in state.ledger.rejects if item.gone_from is None}
    tax = [
        _linked(_tax(row), {} if row.atena_no in state.strangers else by_number, by_match)
        for row in state.taxpayers.values()
        if ("tax.taxpayer", row.atena_no) not in bad
    ]
    welfare = [
        _linked(_welfare(row), {} if row.bango in state.strangers else by_number, by_match)
        for row in state.recipients.values()
        if ("welfare.recipient", row.bango) not in bad
    ]
    tax_id = {row["source_key"]: row["resident_id"] for row in tax}
    welfare_id = {row["source_key"]: row["resident_id"] for row in welfare}
    return {
        "juki.resident": pl.DataFrame(juki, infer_schema_length=None),
        "tax.taxpayer": pl.DataFrame(tax, infer_schema_length=None),
        "welfare.recipient": pl.DataFrame(welfare, infer_schema_length=None),
        "tax.assessment": pl.DataFrame(
            [
                _assessment(row) | {"resident_id": tax_id.get(row.atena_no)}
                for row in state.assessments.values()
            ],
            infer_schema_length=None,
        ),
        "welfare.benefit": pl.DataFrame(
            [
                _benefit(row) | {"resident_id": welfare_id.get(row.taishosha)}
                for row in state.benefits.values()
                if ("welfare.benefit", row.bango) not in bad
            ],
            infer_schema_length=None,
        ),
    }


_ENTRY = (
    "feed", "system", "source_key", "resident_id", "field", "value", "entered_at", "operator",
    "operator_kind", "terminal", "change_kind", "event_date",
)  # fmt: skip
_PEOPLE = ("juki.resident", "tax.taxpayer", "welfare.recipient")


def _entries(frames: dict[str, pl.DataFrame]) -> set[tuple[Any, ...]]:
    """What the last hand on each row keyed, where the row says what that was."""
    people = {
        _entry(feed, row, field, value)
        for feed in _PEOPLE
        for row in frames[feed].iter_rows(named=True)
        for field, value in _said(row)
    }
    claims = {
        _entry(
            "welfare.benefit", row, "benefit", f"{row['benefit_kind']}/{row['started_on']}/{row['payee_key']}"
        )
        for row in frames["welfare.benefit"].iter_rows(named=True)
        if row["change_kind"] == "new"
    }
    return people | claims


def _said(row: dict[str, Any]) -> list[tuple[str, str]]:
    born = f"{row['date_of_birth_lo']}/{row['date_of_birth_hi']}"
    values = {
        "address": ("address", row["address_key"]),
        "name": ("name", row["name_key"]),
        "household": ("household", row["household_number"]),
        "date_of_birth": ("date_of_birth", born),
        "new": ("record", f"{row['name_key']}/{born}"),
    }
    return [values[row["change_kind"]]] if row["change_kind"] in values else []


def _entry(feed: str, row: dict[str, Any], field: str, value: str) -> tuple[Any, ...]:
    said = {**row, "feed": feed, "system": feed.partition(".")[0], "field": field, "value": value}
    said |= {"entered_at": row["changed_at"], "event_date": row.get("valid_from")}
    return tuple(said[name] for name in _ENTRY)


def _linked(row: dict[str, Any], by_number: dict[str, int], by_match: dict[object, int]) -> dict[str, Any]:
    found = by_number.get(row["number"]) if row["number"] else by_match.get(row["match"])
    return row | {"resident_id": found if found is not None else -int(row["source_key"].lstrip("F"))}


def place(code: str, text: str) -> str:
    """One key for one place, whatever the notation."""
    folded = unicodedata.normalize("NFKC", text).replace("ヶ", "ケ").replace("－", "-")
    folded = re.sub(
        r"([一二三四五六七八九十]+)丁目",
        lambda found: f"{'〇一二三四五六七八九'.index(found[1])}丁目",
        folded,
    )
    folded = re.sub(r"丁目|番地|番", "-", folded).replace("号", "")
    return code + re.sub(r"-+", "-", folded).strip("-")


def name(text: str) -> str:
    """A name without spaces, letters in one width."""
    return (
        "".join(
            unicodedata.normalize("NFKC", glyph) if glyph.isascii() or "！" <= glyph <= "￮" else glyph
            for glyph in text
        )
        .replace("　", "")
        .replace(" ", "")
    )


def _kana(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace(" ", "")


def _span(text: str) -> tuple[date, date]:
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    if not year:
        return date(1850, 1, 1), date(2100, 1, 1)
    low = date(year, month or 1, day or 1)
    high = (
        date(year, 12, 31)
        if not month
        else (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1))
        if not day
        else low
    )
    return low, high


def _birth(text: str) -> dict[str, Any]:
    low, high = _span(text)
    return {
        "date_of_birth": low if low == high else None,
        "date_of_birth_lo": low,
        "date_of_birth_hi": high,
        "date_of_birth_raw": text,
    }


def _operator(text: str) -> str:
    return {"S": "person", "B": "batch", "R": "robot"}[text[0]]


def _day(text: str | None) -> date | None:
    return date(int(text[:4]), int(text[4:6]), int(text[6:])) if text else None


def _western(text: str) -> str:
    return "00000000" if text == "0000000" else f"{_ERA_ZERO[text[0]] + int(text[1:3])}{text[3:]}"


def _juki(row: Any) -> dict[str, Any]:
    key = place(row.shikuchoson_cd, row.machiaza + row.banchi)
    return {
        "resident_id": int(row.atena_no),
        "source_key": row.atena_no,
        "number": row.atena_no,
        "resident_status": _STATUS[row.jumin_jotai],
        "numbering": "resident",
        "party_number": row.atena_no,
        "sex": row.seibetsu,
        "relationship": _RELATIONSHIP[row.zokugara],
        "protected": "none" if row.shien_kbn == "0" else "protected",
        "address": row.machiaza + row.banchi,
        "address_town": row.machiaza,
        "address_building": row.katagaki,
        "common_name_key": name(row.tsusho) if row.tsusho else None,
        "full_name": row.shimei,
        "common_name": row.tsusho,
        "former_surname": row.kyu_uji,
        "name_key": name(row.shimei),
        "kana_key": _kana(row.shimei_kana),
        "household_number": row.setai_no,
        **_birth(row.seinengappi),
        "date_of_death": _day(row.shibo_ymd),
        "moved_out_on": _day(row.tenshutsu_ymd),
        "moved_in_on": _day(row.tennyu_ymd),
        "address_key": key,
        "address_since": _day(row.jutei_ymd),
        "valid_from": _day(row.ido_ymd),
        "changed_at": pl_time(row.koshin_ts),
        "change_kind": _JUKI[row.ido_jiyu],
        "operator": row.sosa_id,
        "operator_kind": _operator(row.sosa_id),
        "terminal": row.tanmatsu_id,
        "match": (name(row.shimei), row.seinengappi, row.seibetsu, key),
    }


def pl_time(text: str) -> Any:
    """A moment, without its zone."""
    from datetime import datetime

    return datetime.fromisoformat(text.replace("+09:00", ""))


def _tax(row: Any) -> dict[str, Any]:
    born, key = _western(row.seinengappi), place(row.shikuchoson, row.jusho)
    stamp = row.koshin_ymdhms
    return {
        "source_key": row.atena_no,
        "number": row.atena_no if row.atena_kbn == "1" else None,
        "resident_status": _STATUS[row.jotai],
        "numbering": "resident" if row.atena_kbn == "1" else "tax.non_registered",
        "party_number": row.atena_no,
        "resident_kind": None if row.atena_kbn == "1" else "non_registered",
        "sex": row.seibetsu,
        "protected": {"0": "none", "": None}.get(row.shien, "protected"),
        "address": row.jusho,
        "address_building": row.katagaki or None,
        "full_name": row.shimei,
        "name_key": name(row.shimei),
        "kana_key": _kana(row.shimei_kana),
        "household_number": row.setai_no,
        **_birth(born),
        "address_key": key,
        "valid_from": _day(_western(row.ido_ymd)),
        "changed_at": pl_time(
            f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[8:10]}:{stamp[10:12]}:{stamp[12:]}"
        ),
        "change_kind": _TAX.get(row.koshin_jiyu, "other"),
        "operator": row.sosa_id,
        "operator_kind": _operator(row.sosa_id),
        "terminal": row.tanmatsu_id,
        "match": (name(row.shimei), born, row.seibetsu, key),
    }


def _welfare(row: Any) -> dict[str, Any]:
    text = row.seinengappi.replace("-", "") if row.seinengappi != "不詳" else ""
    born, key = text.ljust(8, "0"), place(row.shikuchoson, row.jusho)
    return {
        "source_key": row.bango,
        "number": row.atena_no,
        "resident_status": _WELFARE_STATUS[row.jotai],
        "numbering": "resident" if row.atena_no else None,
        "party_number": row.atena_no,
        "resident_kind": None,
        "sex": {"M": "1", "F": "2", "U": "0"}[row.seibetsu],
        "protected": {"有": "protected", "無": "none"}.get(row.shien),
        "address": row.jusho,
        "address_building": row.katagaki or None,
        "relationship": "head" if row.zokugara == "本人" else "other",
        "full_name": row.shimei,
        "name_key": name(row.shimei),
        "kana_key": _kana(row.kana),
        "household_number": row.setai_no,
        **_birth(born),
        "address_key": key,
        "valid_from": date.fromisoformat(row.ido_ymd),
        "changed_at": pl_time(row.koshin),
        "change_kind": _WELFARE.get(row.jiyu, "other"),
        "operator": row.koshinsha,
        "operator_kind": _operator(row.koshinsha),
        "terminal": row.tanmatsu,
        "match": (name(row.shimei), born, {"M": "1", "F": "2", "U": "0"}[row.seibetsu], key),
    }


def _assessment(row: Any) -> dict[str, Any]:
    return {
        "source_key": row.atena_no,
        "person_key": row.atena_no,
        "tax_year": int(row.nendo),
        "annual_amount": row.nenzei,
        "levy": {"1": "ordinary", "2": "special", "3": "pension"}[row.choshu],
        "mailing_designated": row.sofu_shitei == "1",
        "mailing_address_key": place("132993", row.sofu_jusho),
        "changed_at": pl_time(f"{row.koshin_ymdhms[:4]}-{row.koshin_ymdhms[4:6]}-{row.koshin_ymdhms[6:8]}"),
        "change_kind": _TAX.get(row.koshin_jiyu, "other"),
    }


def _benefit(row: Any) -> dict[str, Any]:
    return {
        "source_key": row.bango,
        "person_key": row.taishosha,
        "payee_key": row.jukyusha,
        "benefit_kind": _BENEFIT[row.shubetsu],
        "status": "active" if row.jotai == "受給中" else "ended",
        "started_on": date.fromisoformat(row.kaishi),
        "ended_on": date.fromisoformat(row.shuryo) if row.shuryo else None,
        "end_reason": row.shuryo_jiyu,
        "facility_exception": row.tokurei == "該当",
        "change_kind": _WELFARE.get(row.jiyu, "other"),
        "changed_at": pl_time(row.koshin),
        "operator": row.koshinsha,
        "operator_kind": _operator(row.koshinsha),
        "terminal": row.tanmatsu,
    }
