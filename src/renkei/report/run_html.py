"""The run report: one HTML page that needs nothing but itself; Japanese, with English folded below."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib import resources

from renkei.errors import explain
from renkei.quarantine.remedy import reason
from renkei.report import chart
from renkei.report.day import Day, Flow, Refusal, RuleDay
from renkei.report.html import Markup, join, table, tag
from renkei.report.labels import label

_PARTS = ("merged", "unchanged", "superseded", "rejected")


@dataclass(frozen=True, kw_only=True)
class Front:
    """What the page says of itself."""

    city: Mapping[str, str]  # by language
    actor: str
    made_at: datetime
    project_digest: str
    code_version: str


@dataclass(frozen=True, kw_only=True)
class Names:
    """Titles by language: of feeds and of rules."""

    feeds: Mapping[str, str]
    rules: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class _Page:
    day: Day
    front: Front
    names: Names
    language: str

    def say(self, key: str) -> str:
        return label("run", key, language=self.language)

    def word(self, kind: str, code: str) -> str:
        return label(kind, code, language=self.language)

    def feed(self, feed: str) -> str:
        return self.names.feeds.get(feed, feed) if self.language == "ja" else feed

    def rule(self, rule_id: str) -> str:
        title = self.names.rules.get(self.language, {}).get(rule_id, "")
        return f"{rule_id} {title}".strip()


def render(day: Day, *, front: Front, names: Names) -> str:
    """The whole page as text; the same figures and front give the same page."""
    style = resources.files("renkei.report").joinpath("style.css").read_text("utf-8")
    pages = {code: _Page(day=day, front=front, names=names, language=code) for code in ("ja", "en")}
    english = _body(pages["en"], level=2)
    folded = tag("details", tag("summary", "English"), *english, class_="other-language", lang="en")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{pages['ja'].say('title')} {day.as_of} {front.city['ja']}"),
        Markup(f"<style>{style}</style>"),
    )
    body = tag("body", tag("main", *_body(pages["ja"], level=1), folded))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='ja')}\n"


def _policy(style: str) -> str:
    """Nothing may be fetched and nothing runs; only our own style, named by its hash, applies."""
    digest = b64encode(sha256(style.encode()).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


_Section = Callable[[_Page], Markup]


def _body(page: _Page, *, level: int) -> tuple[Markup, ...]:
    heading = f"{page.say('title')} {page.day.as_of} {page.front.city[page.language]}"
    sections = (
        tag("section", tag(f"h{level + 1}", page.say(key), id=f"{page.language}-{key}"), draw(page))
        for key, draw in _SECTIONS.items()
    )
    return (tag(f"h{level}", heading), _front(page), _contents(page), *sections)


def _front(page: _Page) -> Markup:
    facts = {
        "as_of": page.day.as_of.isoformat(),
        "made": page.front.made_at.isoformat(timespec="seconds"),
        "by": page.front.actor,
        "reconcile_run": page.day.reconcile_run or "–",
        "version": page.front.project_digest[:16],
        "program": page.front.code_version,
    }
    listed = tag("dl", *(join((tag("dt", page.say(key)), tag("dd", text))) for key, text in facts.items()))
    return join((listed, tag("p", page.say("restricted_note"))))


def _contents(page: _Page) -> Markup:
    links = (tag("li", tag("a", page.say(key), href=f"#{page.language}-{key}")) for key in _SECTIONS)
    return tag("nav", tag("ul", *links), aria_label=page.say("contents"))


def _figure(page: _Page, drawing: Markup, data: Markup) -> Markup:
    return join((tag("figure", drawing), tag("details", tag("summary", page.say("table")), data)))


def _table(page: _Page, caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    return table(page.say(caption), [page.say(column) for column in columns], rows)


def _freshness(page: _Page) -> Markup:
    rows = [(page.feed(row.feed), row.states) for row in page.day.freshness]
    drawing = chart.strip(
        f"{page.language}-strip", title=page.say("freshness"), desc=page.say("freshness_desc"),
        words={state: page.word("strip", state) for state in ("merged", "held", "refused", "missing")},
        days=[f"{day.month}/{day.day}" for day in page.day.days], rows=rows,
    )  # fmt: skip
    header = [page.say("feed"), page.say("latest"), *(day.isoformat() for day in page.day.days)]
    cells = [
        (
            page.feed(row.feed),
            row.as_of.isoformat() if row.as_of else page.say("never"),
            *(page.word("strip", state) for state in row.states),
        )
        for row in page.day.freshness
    ]
    return _figure(page, drawing, table(page.say("freshness"), header, cells))


def _flow(page: _Page) -> Markup:
    rows = [
        (page.feed(flow.feed), _equation(page, flow), {part: getattr(flow, part) for part in _PARTS})
        for flow in page.day.flows
    ]
    drawing = chart.shares(
        f"{page.language}-flow",
        title=page.say("flow"),
        desc=page.say("flow_desc"),
        rows=rows,
        kinds=[(part, page.say(part)) for part in _PARTS],
    )
    counted = ("records", *_PARTS, "ended")
    cells = [
        (page.feed(flow.feed), *(f"{getattr(flow, part):,}" for part in counted), _balance(page, flow))
        for flow in page.day.flows
    ]
    return _figure(page, drawing, _table(page, "flow", ("feed", *counted, "balance"), cells))


def _equation(page: _Page, flow: Flow) -> str:
    if not flow.records:
        return page.say("nothing_read")
    terms = " + ".join(f"{page.say(part)} {getattr(flow, part):,}" for part in _PARTS)
    sign = "=" if flow.balances else "≠"
    return f"{page.say('records')} {flow.records:,} {sign} {terms}"


def _balance(page: _Page, flow: Flow) -> str:
    return page.say("balances" if flow.balances else "unbalanced")


def _rules(page: _Page) -> Markup:
    if not page.day.rules:
        return tag("p", page.say("no_reconcile"), class_="warn")
    kinds = [(kind, page.say(kind)) for kind in ("opened", "closed", "standing")]
    drawn = [rule for rule in page.day.rules if rule.state == "compared" and not rule.is_event]
    rows = [(page.rule(rule.rule_id), [getattr(rule, kind) for kind, _ in kinds]) for rule in drawn]
    drawing = chart.bars(
        f"{page.language}-rules", title=page.say("rules"), desc=page.say("rules_desc"), kinds=kinds, rows=rows
    )
    counted = ("compared", "in_transit", "opened", "closed", "reopened", "standing")
    cells = [_rule_cells(page, rule, counted) for rule in page.day.rules]
    data = _table(page, "rules", ("rule", "result", *counted, "missing"), cells)
    return join((_not_compared(page), _figure(page, drawing, data)))


def _rule_cells(page: _Page, rule: RuleDay, counted: Sequence[str]) -> tuple[str, ...]:
    shown = () if rule.state != "compared" else _OF_EVENTS if rule.is_event else counted
    numbers = (f"{getattr(rule, name):,}" if name in shown else "–" for name in counted)
    missing = "、".join(page.feed(feed) for feed in rule.missing_feeds)
    return (page.rule(rule.rule_id), page.say(rule.state), *numbers, missing)


#: What can be said of a rule that finds events.
_OF_EVENTS = ("compared", "opened")


def _not_compared(page: _Page) -> Markup:
    names = [page.rule(rule.rule_id) for rule in page.day.rules if rule.state == "not_compared"]
    return tag("p", f"{page.say('not_compared')}: {', '.join(names)}", class_="warn") if names else Markup("")


def _double(page: _Page) -> Markup:
    entries = page.day.double_entries
    if not entries:
        return tag("p", page.say("double_none"))
    rows = [(page.word("field", entry.field), [entry.minutes]) for entry in entries]
    drawing = chart.bars(
        f"{page.language}-double", title=page.say("double"), desc=page.say("double_desc"),
        kinds=[("minutes", page.say("minutes"))], rows=rows,
    )  # fmt: skip
    cells = [(page.word("field", entry.field), f"{entry.count:,}", f"{entry.minutes:,}") for entry in entries]
    total = (page.say("total"), f"{sum(e.count for e in entries):,}", f"{sum(e.minutes for e in entries):,}")
    return _figure(page, drawing, _table(page, "double", ("field", "count", "minutes"), [*cells, total]))


def _refusals(page: _Page) -> Markup:
    if not page.day.refusals:
        return tag("p", page.say("refusals_none"))
    cells = [
        (page.feed(row.feed), row.name, page.word("verdict", row.verdict), _reason(page, row))
        for row in page.day.refusals
    ]
    return _table(page, "refusals", ("feed", "name", "result", "reason"), cells)


def _reason(page: _Page, refusal: Refusal) -> str:
    code, facts = refusal.error_code, {**(refusal.error_facts or {}), "feed": page.feed(refusal.feed)}
    return f"{code} {explain(code, language=page.language, facts=facts)}" if code else ""


def _aside(page: _Page) -> Markup:
    """What waits aside by cause; its values are nowhere on this page."""
    if not page.day.aside:
        return tag("p", page.say("aside_none"))
    cells = [
        (
            page.feed(cause.feed), cause.field, cause.code, reason(cause.code)[page.language == "en"],
            f"{cause.records:,}", cause.first_as_of.isoformat(), f"{cause.age:,}",
        )
        for cause in page.day.aside
    ]  # fmt: skip
    total = (page.say("total"), "", "", "", f"{sum(each.records for each in page.day.aside):,}", "", "")
    heads = ("feed", "field", "code", "reason", "count", "first_day", "office_days")
    return _table(page, "aside", heads, [*cells, total])


def _runs(page: _Page) -> Markup:
    if not page.day.runs:
        return tag("p", page.say("runs_none"))
    cells = [
        (
            run.run_id[:8],
            page.word("kind", run.kind),
            run.target,
            page.word("run_state", run.state),
            "–" if run.seconds is None else f"{run.seconds:.1f}",
            run.error_code or "",
        )
        for run in page.day.runs
    ]
    return _table(page, "runs", ("runs", "kind", "name", "state", "seconds", "reason"), cells)


def _summary(page: _Page) -> Markup:
    total = sum(flow.records for flow in page.day.flows)
    compared = [rule for rule in page.day.rules if rule.state == "compared" and not rule.is_event]
    facts = {
        "records": f"{total:,}",
        "merged": f"{sum(flow.merged for flow in page.day.flows):,}",
        "rejected": f"{sum(flow.rejected for flow in page.day.flows):,}",
        "refusals": f"{len(page.day.refusals):,}",
        **{kind: f"{sum(getattr(rule, kind) for rule in compared):,}" for kind in _COUNTED if compared},
    }
    listed = tag("dl", *(join((tag("dt", page.say(key)), tag("dd", text))) for key, text in facts.items()))
    return join((listed, _warning(page)))


_COUNTED = ("opened", "closed", "standing")


def _warning(page: _Page) -> Markup:
    """What keeps the figures from being the whole truth of the day."""
    if not page.day.rules:
        return tag("p", page.say("no_reconcile"), class_="warn")
    return _not_compared(page)


_SECTIONS: Mapping[str, _Section] = {
    "summary": _summary,
    "freshness": _freshness,
    "flow": _flow,
    "rules": _rules,
    "double": _double,
    "refusals": _refusals,
    "aside": _aside,
    "runs": _runs,
}
