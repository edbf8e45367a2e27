"""``renkei mapping test``, ``diff``, ``explain`` and ``try``: what a mapping does, before and after a run."""

import argparse
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place, reveal
from renkei.cli.how import said, show_steps
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json, day
from renkei.cli.width import table
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.mapping import Mapping as FeedMapping
    from renkei.mapping.diff import Change
    from renkei.mapping.examples import Outcome, Reading, Standing
    from renkei.mapping.steps import Step
    from renkei.mapping.trial import Trial
    from renkei.project import Project
    from renkei.workflow.lineage import Explained


def declare(parser: Parser) -> None:
    """The four verbs below ``renkei mapping``."""
    tested = parser.verb("test", _test, say("対応表の例を確かめる", "run the examples of the mappings"))
    _add_feed(tested)
    text = say("このファイルを読み、件数と取込エラーを見る", "read this file too: counts and rejects")
    tested.option("--file", text, type=Path, metavar="FILE")
    add_as_of(tested)
    add_json(tested)
    compared = parser.verb("diff", _diff, say("意味の違いを見る", "what differs in meaning"))
    _add_feed(compared)
    first = say("この日と比べる（既定は適用中の対応表）", "from this day (else: from what is in force)")
    compared.option("--from", first, type=day, metavar="YYYY-MM-DD", dest="first")
    second = say("この日を比べる（既定は市の今日）", "to this day (the city's today)")
    compared.option("--to", second, type=day, metavar="YYYY-MM-DD", dest="second")
    add_json(compared)
    told = parser.verb("explain", _explain, say("一件の変換を説明する", "one landed record, step by step"))
    text = say("FEED/キー、または delivery:番号#件目", "FEED/KEY, or delivery:ID#RECORD")
    told.option("record", text, metavar="RECORD")
    reveal.add_reveal(told)
    add_json(told)
    tried = parser.verb("try", _try, say("処理を一つの文字列で試す", "try steps on a text"))
    tried.option("steps", say("処理（対応表の書き方）", "steps as a mapping writes them"), metavar="STEPS")
    tried.option("text", say("試す文字列", "the text"), metavar="TEXT")
    tried.option("--day", say("基準日（既定は市の今日）", "the day (today)"), type=day, metavar="YYYY-MM-DD")
    add_json(tried)


def _add_feed(parser: Parser) -> None:
    text = say("連携データ（既定はすべて）", "the feed (all unless given)")
    parser.option("feed", text, nargs="?", metavar="FEED")


def _chosen(project: "Project", feed: str | None) -> list["FeedMapping"]:
    return list(project.mappings.values()) if feed is None else [project.mapping(feed)]


# test --------------------------------------------------------------------------------------------


def _test(asked: argparse.Namespace) -> int:
    from renkei.mapping import examples

    project = place.project()
    as_of = asked.as_of or place.today(project)
    outcomes = [
        each for mapping in _chosen(project, asked.feed) for each in examples.run(mapping, as_of=as_of)
    ]
    reading = None if asked.file is None else _read(project, asked, as_of=as_of)
    if asked.json:
        answer(
            "renkei.mapping-test/1",
            {"examples": [_outcome(each) for each in outcomes], "file": _reading(reading)},
        )
    else:
        _show_outcomes(outcomes)
        if reading is not None:
            _show_reading(reading)
    failed = any(not each.passed for each in outcomes) or (reading is not None and bool(reading.held))
    return exits.ABOVE_LIMIT if failed else exits.OK


def _read(project: "Project", asked: argparse.Namespace, *, as_of: date) -> "Reading":
    from renkei import mapping as mappings
    from renkei.mapping import examples

    if asked.feed is None:
        problem = say("--file には連携データの指定が必要です", "--file needs a feed")
        raise FixDeclaration("E_USAGE", problem=problem, command="renkei mapping test")
    if not asked.file.is_file():
        raise FixDeclaration("E_NOT_FOUND", kind=say("ファイル", "file"), name=str(asked.file), nearest="-")
    mapping = project.mapping(asked.feed)
    batch = mappings.read(asked.file, mapping, day=as_of)
    return examples.read(mapping, batch, as_of=batch.control.as_of or as_of)


def _outcome(each: "Outcome") -> dict[str, Any]:
    misses = [
        {"column": miss.column, "expected": said(miss.expected), "found": said(miss.found)}
        for miss in each.misses
    ]
    return {"feed": each.feed, "title": each.title, "passed": each.passed, "misses": misses}


def _reading(reading: "Reading | None") -> dict[str, Any] | None:
    if reading is None:
        return None
    expectations = [{**vars(each), "holds": each.holds} for each in reading.standings]
    return {
        "records": reading.records,
        "mapped": reading.mapped,
        "rejects": reading.rejects,
        "expectations": expectations,
        "held": reading.held,
    }


def _show_outcomes(outcomes: Sequence["Outcome"]) -> None:
    heads = (
        say("連携データ", "feed"), say("例", "example"), say("結果", "result"), say("項目", "column"),
        say("期待", "expected"), say("実際", "found"),
    )  # fmt: skip
    show(table(heads, [row for each in outcomes for row in _rows(each)]))
    failed = sum(not each.passed for each in outcomes)
    tell(say(f"{len(outcomes)} 例、失敗 {failed} 件。", f"{len(outcomes)} examples, {failed} failed."))


def _rows(each: "Outcome") -> Iterator[tuple[object, ...]]:
    if each.passed:
        yield (each.feed, each.title, say("合格", "passed"), "", "", "")
    for miss in each.misses:
        yield (
            each.feed,
            each.title,
            say("不合格", "failed"),
            miss.column,
            said(miss.expected),
            said(miss.found),
        )


def _show_reading(reading: "Reading") -> None:
    rows: list[tuple[object, ...]] = [
        (say("読んだ件数", "records"), f"{reading.records:,}"),
        (say("取り込める件数", "mapped"), f"{reading.mapped:,}"),
        *(
            (f"{say('取込エラー', 'rejects')} {code}", f"{number:,}")
            for code, number in reading.rejects.items()
        ),
        *(_stands(each) for each in reading.standings),
        (say("保留の理由", "held for"), reading.held or "-"),
    ]
    show("")
    show(table((say("事項", "item"), say("内容", "what")), rows))


def _stands(each: "Standing") -> tuple[object, ...]:
    word = say("満たす", "holds") if each.holds else say("満たさない", "fails")
    bounds = "" if each.least is None and each.most is None else f"{each.least or ''}…{each.most or ''}"
    name = f"{say('期待', 'expected')} {each.field} {each.matches or bounds}".strip()
    return (name, f"{each.found:.1%} / {each.wanted:.1%} {word}")


# diff --------------------------------------------------------------------------------------------


def _diff(asked: argparse.Namespace) -> int:
    if asked.second is not None and asked.first is None:
        problem = say("--to には --from が必要です", "--to needs --from")
        raise FixDeclaration("E_USAGE", problem=problem, command="renkei mapping diff")
    project = place.project()
    found = dict(_differences(project, asked))
    if asked.json:
        feeds = [{"feed": feed, "changes": [_change(each) for each in told]} for feed, told in found.items()]
        answer("renkei.mapping-diff/1", {"feeds": feeds})
        return exits.OK
    for feed, told in found.items():
        show(f"{feed}: {say('違いなし', 'no difference') if not told else ''}".rstrip())
        for each in told:
            show(f"  {each.text}")
    return exits.OK


def _differences(project: "Project", asked: argparse.Namespace) -> Iterator[tuple[str, tuple["Change", ...]]]:
    from renkei.mapping import diff

    if asked.first is not None:
        second = asked.second or place.today(project)
        for mapping in _chosen(project, asked.feed):
            yield mapping.feed.id, diff.between(mapping, asked.first, second)
        return
    ruling = _in_force(project).mappings
    if asked.feed is not None and asked.feed not in {*ruling, *project.mappings}:
        project.mapping(asked.feed)  # says which name is the nearest
    for feed in dict.fromkeys((*ruling, *project.mappings)):
        if asked.feed in (None, feed):
            yield feed, _between(ruling.get(feed), project.mappings.get(feed))


def _in_force(project: "Project") -> "Project":
    from renkei.workflow.in_force import in_force

    with place.registry(project) as engine:
        return in_force(project, engine=engine, founds=False)


def _between(old: "FeedMapping | None", new: "FeedMapping | None") -> tuple["Change", ...]:
    from renkei.mapping import diff

    if old is not None and new is not None:
        return diff.difference(old, new)
    added = () if new is None else (diff.whole_feed(new, kind="added"),)
    return added if old is None else (diff.whole_feed(old, kind="removed"),)


def _change(each: "Change") -> dict[str, Any]:
    return {**vars(each), "ja": each.ja, "en": each.en}


# explain -----------------------------------------------------------------------------------------


def _explain(asked: argparse.Namespace) -> int:
    from renkei.workflow import lineage

    purpose, project = reveal.purpose_of(asked), place.project()
    with place.registry(project) as engine:
        found = lineage.explain_record(project, engine, asked.record, clear=purpose is not None)
        if purpose is not None:
            detail = {"shown": found is not None and found.clear}
            subject = "record:-" if found is None else _subject(found)
            with engine.begin() as connection:
                reveal.record(connection, subject=subject, purpose=purpose, detail=detail)
    if found is None:
        raise FixDeclaration("E_NOT_FOUND", kind=say("記載", "record"), name=asked.record, nearest="-")
    if asked.json:
        answer("renkei.mapping-explain/1", _explained(found))
    else:
        _show_explained(found)
    return exits.OK


def _subject(found: "Explained") -> str:
    return f"delivery:{found.place.delivery_id}#{found.place.rec_no}"


def _explained(found: "Explained") -> dict[str, Any]:
    there = found.place
    return {
        "feed": there.feed,
        "delivery_id": there.delivery_id,
        "delivery": there.delivery,
        "sha256": there.sha256,
        "as_of": there.as_of,
        "rec_no": there.rec_no,
        **vars(found.spot),
        "mapping_is_used": found.is_used,
        "revealed": found.clear,
        "refused": found.told.refused,
        "refused_field": found.told.refused_field,
        "fields": [
            {
                "to": each.to,
                "raw": [{"column": name, "text": text} for name, text in each.raw],
                "text": each.text,
                "steps": [{"step": step.step, "value": step.value} for step in each.steps],
                "value": each.value,
                "refused": each.refused,
            }
            for each in found.told.fields
        ],
    }


def _show_explained(found: "Explained") -> None:
    there = found.place
    show(f"{there.feed}  {there.delivery}  {_subject(found)}  {there.as_of}  {there.sha256[:12]}")
    show_steps(list(found.told.fields))
    if found.told.refused:
        tell(
            say(
                f"この記載は取込エラーです：{found.told.refused}（{found.told.refused_field}）",
                f"This record is set aside: {found.told.refused} ({found.told.refused_field})",
            )
        )
    if not found.is_used:
        tell(
            say(
                "この記載は別の版の対応表で取り込まれています。",
                "This record was taken in with another text of the mapping.",
            )
        )
    if found.standing == "nobody":
        tell(
            say(
                "誰の記載か分からないため、値は形だけを示します。",
                "Nobody is known to own this record, so only the shapes of its values are shown.",
            )
        )


# try ---------------------------------------------------------------------------------------------


def _try(asked: argparse.Namespace) -> int:
    from renkei.mapping import address, codes
    from renkei.mapping.masking import HIDDEN
    from renkei.mapping.strong_ids import reads_secret
    from renkei.mapping.trial import trial

    steps = _steps(asked.steps)
    project = place.project()
    as_of = asked.day or place.today(project)
    tables, _ = codes.load(project.root / "mappings" / "codes")
    towns, _ = address.load(project.root / "mappings" / "towns")
    _check(steps, tables, project)
    made = trial(steps, asked.text, codes=tables, as_of=as_of, towns=towns)
    text = asked.text
    if any(reads_secret(step) for step in steps):
        text, made = HIDDEN, made.veiled(HIDDEN)
    if asked.json:
        answer("renkei.mapping-try/1", _tried(made, text))
    else:
        _show_trial(made, text)
    return exits.ABOVE_LIMIT if made.refused else exits.OK


def _steps(text: str) -> list["Step"]:
    """Steps in TOML: ``"trim"``, ``{ pad = 10 }``, a list of such, or a bare name."""
    from renkei.mapping.steps import parse

    try:
        declared = text if text.isidentifier() else tomllib.loads(f"steps = {text}")["steps"]
    except tomllib.TOMLDecodeError as wrong:
        raise _misused(f"STEPS: {wrong}") from None
    several = declared if isinstance(declared, list) else [declared]
    if not several or not all(isinstance(each, (str, dict)) and each for each in several):
        raise _misused("STEPS: " + say("処理が要ります（例 trim）", "a step is needed, such as trim"))
    return [parse(each) for each in several]


def _misused(problem: str) -> FixDeclaration:
    return FixDeclaration("E_USAGE", problem=problem, command="renkei mapping try")


def _check(steps: Sequence["Step"], tables: Mapping[str, Any], project: "Project") -> None:
    """Refuse what no mapping could say: an unknown step, an argument that it does not take, a raw column."""
    from renkei.mapping.steps import STEPS, Known
    from renkei.project import nearest

    known = Known(tables=tables, columns=frozenset(), folder=project.root / "mappings")
    kind = "text"
    for step in steps:
        if step.name not in STEPS:
            near = nearest(step.name, list(STEPS))
            raise FixDeclaration("E_NOT_FOUND", kind=say("処理", "step"), name=step.name, nearest=near)
        form = STEPS[step.name]
        wrong = [f"{each.expected} ({each.found})" for each in form.misused(step, known)]
        if form.takes != kind:
            wrong.append(f"{step.name}: {form.takes} ({kind})")
        if wrong:
            raise _misused("; ".join(wrong))
        kind = form.gives


def _tried(made: "Trial", text: str) -> dict[str, Any]:
    from renkei.mapping.diff import written

    stages = [{"step": written([each.step]), "value": each.value} for each in made.stages]
    return {"text": text, "stages": stages, "refused": made.refused, "value": made.value}


def _show_trial(made: "Trial", text: str) -> None:
    from renkei.mapping.diff import written

    rows = [("", said(text)), *((f"→ {written([each.step])}", said(each.value)) for each in made.stages)]
    if made.refused:
        rows.append((f"✗ {made.refused}", ""))
    show(table((say("処理", "step"), say("値", "value")), rows))
