"""What a report says of its figures, in words and tables: nothing found is not nothing compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from renkei.report.figures import PER, Figures, RuleCount
from renkei.report.mismatch import SET_ASIDE
from renkei.report.period import in_words

#: What stands where a number would mean nothing.
NO_NUMBER = "–"
#: How many warnings stand one by one.
_MOST_WARNINGS = 4

Cell = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class Front:
    """What a report says of its making; titles of rules and feeds by id, systems in order.

    ``city_compared``: how many rules were compared in the whole city.
    """

    city: str
    actor: str
    made_at: datetime
    code_version: str
    declarations: str
    queries: str
    rules: Mapping[str, str]
    feeds: Mapping[str, str]
    systems: Sequence[str]
    city_compared: int

    def rule(self, rule_id: str) -> str:
        """A rule's number and title."""
        return f"{rule_id} {self.rules.get(rule_id, '')}".strip()

    def feed(self, *feeds: str) -> str:
        """Feeds by their titles."""
        return "、".join(self.feeds.get(feed, feed) for feed in feeds if feed)

    def instant(self, moment: datetime) -> str:
        """An instant in the city's time."""
        return moment.astimezone(self.made_at.tzinfo).isoformat(sep=" ", timespec="seconds")


def headline(figures: Figures) -> str:
    """What one person would tell another."""
    standing, opened, closed = (figures.sum(name) for name in ("standing", "opened", "closed"))
    if not figures.rules:
        return "この課が受け持つ規則はなく、この課の案件は 0 件です。"
    if not figures.was_compared:
        carried = f"前回の照合から残る不一致は {standing:,} 件です。" if standing else ""
        return f"照合していません。０件という意味ではありません。{carried}"
    happened = figures.sum("events")
    events = f"ほかに事象 {happened:,} 件がありました。" if happened else ""
    if figures.is_clear:
        clear = "" if events else "異常なし。"
        where = "照合できた規則では、" if figures.not_compared else clear
        return f"{where}見つかった不一致は 0 件です。{events}"
    return f"残る不一致は {standing:,} 件です（新規 {opened:,} 件、解消 {closed:,} 件）。{events}"


def compared(figures: Figures, front: Front) -> str:
    """What was compared, as of when, and how much was not."""
    when, rules = _when(figures), figures.compared
    if not figures.rules:
        return f"{when}、市全体では {front.city_compared} 規則で照合しました。"
    if not figures.was_compared:
        return f"{when}照合した規則はありません。"
    if not rules:
        return f"{when}照合しました。最後の夜に照合した規則はありません。"
    most = max(rule.compared for rule in rules)
    said = f"{when} {len(rules)} 規則で照合しました（一規則で最大 {most:,} 件の対象）。"
    absent = len(figures.not_compared)
    return f"{said}照合していない規則は {absent} です。" if absent else said


def _when(figures: Figures) -> str:
    period = figures.period
    if not period.is_month:
        return f"{in_words(period.as_of)}を基準日として"
    nights = sum(day.is_compared and day.day >= period.from_day for day in figures.days)
    return f"{in_words(period.from_day)}から{in_words(period.as_of)}までの夜間照合 {nights} 回で"


def warnings(figures: Figures, front: Front) -> list[str]:
    """What keeps the numbers from being the whole truth."""
    said = [f"{front.rule(rule.rule_id)} — {state(rule, front)}" for rule in figures.not_compared]
    if len(said) > _MOST_WARNINGS:
        rest = len(said) - _MOST_WARNINGS + 1
        said[_MOST_WARNINGS - 1 :] = [f"ほか {rest} 規則も照合していません（次のページの表にあります）。"]
    return said


def state(rule: RuleCount, front: Front) -> str:
    """What became of a rule; one that was not compared says how much was left out, never 0."""
    if rule.state == "compared":
        return "照合済"
    if rule.state == "not_in_force":
        return "施行期間外"
    if rule.state is None:
        return "照合していません（照合の記録なし）"
    why = f"未着：{front.feed(*rule.missing_feeds)}" if rule.missing_feeds else rule.error_code
    begin = {"held": "保留し、", "refused": "規則を実行せず、"}.get(rule.state, "")
    return f"{begin}照合していません：{rule.compared:,} 件" + (f"（{why}）" if why else "")


# tables -------------------------------------------------------------------------------------------

#: Headings of the table of what is in transit.
TRANSIT_HEADER = ("規則", "系統の間", "反映待ち", "最も古い検出日")
SHARES_HEADER = ("課", "新規", "解消", "残", "うち抑止", "1万人当たり", "事象")


def rule_header(figures: Figures) -> list[str]:
    """Headings of the table of rules."""
    nights = ["照合した夜"] if figures.period.is_month else []
    counted = ["新規", "解消", "残", "うち抑止", "1万人当たり", "事象", "反映待ち", "的中"]
    return ["規則", "結果", *nights, "照合した数", *counted]


def rule_rows(figures: Figures, front: Front) -> list[list[Cell]]:
    """A row a rule; a number that would mean nothing is None."""
    return [_rule_row(rule, figures, front) for rule in figures.rules]


def _rule_row(rule: RuleCount, figures: Figures, front: Front) -> list[Cell]:
    total = rule.nights_compared + rule.nights_not_compared
    nights: list[Cell] = [f"{rule.nights_compared}/{total}"] if figures.period.is_month else []
    known = rule.nights_compared > 0
    changes = known and not rule.is_event
    # what stood after an earlier night may be gone since: it is said of the last night, or not at all
    stands = not rule.is_event and (rule.is_compared or rule.standing > 0)
    return [
        front.rule(rule.rule_id),
        state(rule, front),
        *nights,
        rule.compared if rule.is_compared else None,
        rule.opened if changes else None,
        rule.closed if changes else None,
        rule.standing if stands else None,
        rule.suppressed if stands else None,
        _rate(figures, rule.standing) if stands else None,
        rule.events if known and rule.is_event else None,
        rule.in_transit if rule.is_compared and not rule.is_event else None,
        f"{rule.confirmed / rule.decided:.0%}" if rule.decided else None,
    ]


def transit_rows(figures: Figures, front: Front) -> list[list[Cell]]:
    """A row a rule and pair of feeds: what waits, and since when the oldest does."""
    return [
        [
            front.rule(each.rule_id),
            front.feed(each.left_feed, each.right_feed),
            each.waiting,
            each.oldest.isoformat(),
        ]
        for each in figures.transit
    ]


def share_rows(figures: Figures) -> list[list[Cell]]:
    """A row a department."""
    counted = ("department", "opened", "closed", "standing", "suppressed")
    return [
        [*(getattr(each, name) for name in counted), _rate(figures, each.standing), each.events]
        for each in figures.shares
    ]


def _rate(figures: Figures, standing: int) -> float | None:
    rate = figures.rate(standing)
    return None if rate is None else round(rate, 1)


def text(row: Sequence[Cell]) -> list[str]:
    """A row as words."""
    return [_cell(value) for value in row]


def _cell(value: Cell) -> str:
    if value is None:
        return NO_NUMBER
    return value if isinstance(value, str) else f"{value:,}"


def methods(figures: Figures, front: Front, *, hidden: int) -> list[tuple[str, str]]:
    """How everything was counted, and from what."""
    period = figures.period
    month = period.as_of.replace(day=1)
    none = "この期間の照合は行われていません（０件という意味ではありません）"
    return [
        (
            "基準日と把握時点",
            (
                f"{period.as_of} までの差を、{front.instant(period.known_at)} までに把握した記録で"
                "数えました。"
                "同じ基準日と把握時点なら、いつ作っても同じ数になります。"
            ),
        ),
        (
            "新規・解消・残",
            (
                "新規はこの期間に初めて見つかった不一致、解消は期間中の照合でなくなったことを確かめた不一致、"
                "残は基準日の終わりになお残る不一致です。判定の途中や対象外にしたものも、差がある限り数えます。"
            ),
        ),
        (
            "抑止",
            f"二人が承認して抑止とした案件の不一致です。残に含め、一覧では「{SET_ASIDE}」と示します。",
        ),
        (
            "事象",
            (
                "二重入力、受信の異常、期限を過ぎた異動など、起きたことを見つけた件数です。"
                "後の届けで消えるものではないため、新規・解消・残・1万人当たりに含めず、"
                "一覧には見つけた期間だけ載せます。"
            ),
        ),
        ("1万人当たり", f"残 ÷ 住民 {figures.residents:,} 人 × {PER:,}。"),
        (
            "二重入力",
            (
                f"{month} から基準日までに、同じ事項を重ねて手で入れた回数と、"
                "その項目に要する時間の合計です。"
                "課の報告ではその課の端末で入れたもの、二重入力の規則を受け持つ課では全庁のものです。見つかるのは入れた日の夜より後です。"
            ),
        ),
        (
            "的中",
            (
                "職員が判定した案件のうち、修正依頼（どちらかが誤り）になった割合です。"
                "取り消した判定は数えません。"
            ),
        ),
        ("担当課", "案件の担当課は、この報告を作った時点のものです。"),
        ("閲覧制限", f"一覧のうち {hidden:,} 件は、氏名・番号・値を伏せています。"),
        ("照合の実行", figures.reconcile_run or none),
        (
            "版",
            f"プログラム {front.code_version}　定義 {front.declarations[:16]}　問合せ {front.queries[:16]}",
        ),
    ]
