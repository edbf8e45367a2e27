"""The step that translates by a code table (コード表)."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date

import polars as pl

from renkei.mapping.steps.kinds import Fault, Known, Misuse, Step, StepKind, Surroundings, Value, lost


def _code(value: Value, step: Step, around: Surroundings) -> Value:
    table = around.codes[step.argument]
    words = table.at(around.as_of)
    refused = table.refused_at(around.as_of)
    beginnings = sorted((*words, *refused), key=lambda code: -len(code))
    key = _prefix_of(value.expr, beginnings) if table.by_prefix else value.expr
    said = {code: word for code, word in words.items() if word is not None}
    silent = [code for code, word in words.items() if word is None]
    nothing = pl.lit(None, pl.String)
    result = key.replace_strict(said, default=None, return_dtype=pl.String) if said else nothing

    def unknown(result: pl.Expr, source: pl.Expr) -> pl.Expr:
        bad = lost(result, source)
        return bad & ~key.is_in(silent).fill_null(value=False) if silent else bad

    for code in sorted(set(refused.values())):
        sources = [source for source, why in refused.items() if why == code]
        value = value.then(value.expr, Fault(code=code, bad=_is_one_of(key, sources)))
    return value.then(result, Fault(code="E_UNKNOWN_CODE", bad=unknown))


def _is_one_of(key: pl.Expr, sources: list[str]) -> Callable[[pl.Expr, pl.Expr], pl.Expr]:
    """A fault that looks at the code itself, which no word stands for."""
    return lambda _result, _source: key.is_in(sources).fill_null(value=False)


def _prefix_of(text: pl.Expr, prefixes: Iterable[str]) -> pl.Expr:
    """The longest known beginning of the text."""
    found = pl.lit(None, pl.String)
    for prefix in sorted(prefixes, key=len):
        found = pl.when(text.str.starts_with(prefix)).then(pl.lit(prefix)).otherwise(found)
    return found


def _table(step: Step, known: Known) -> Iterator[Misuse]:
    if not isinstance(step.argument, str) or step.argument not in known.tables:
        yield Misuse(expected="a table in codes/", found=str(step.argument), near=tuple(known.tables))


def _code_of(value: pl.Expr, step: Step, around: Surroundings) -> pl.Expr:
    """The code, for words that only one code has on that day."""
    codes = {word: codes[0] for word, codes in _by_word(step, around).items() if word and len(codes) == 1}
    return value.replace_strict(codes, default=None, return_dtype=pl.String)


def _by_word(step: Step, around: Surroundings) -> dict[str, list[str]]:
    """Word → the codes that say it on that day; the empty word for codes that say nothing."""
    found: dict[str, list[str]] = {}
    for code, word in sorted(around.codes[step.argument].at(around.as_of).items()):
        found.setdefault(word or "", []).append(code)
    return found


def _by_prefix(step: Step, around: Surroundings) -> tuple[str, str] | None:
    if not around.codes[step.argument].by_prefix:
        return None
    return "コード表は先頭だけを見る", "the code table looks at beginnings only"


def _not_one_to_one(step: Step, around: Surroundings) -> tuple[str, str] | None:
    """The words that do not tell their code, naming the codes."""
    shared = [
        f"{'・'.join(codes)} → {word or '―'}"
        for word, codes in _by_word(step, around).items()
        if len(codes) > 1 or not word
    ]
    told = "、".join(shared)
    return (f"一対一でないコードがある：{told}", f"codes that are not one to one: {told}") if shared else None


def _turns(step: Step, around: Surroundings) -> Iterable[date]:
    return around.codes[step.argument].turns


STEPS: dict[str, StepKind] = {
    "code": StepKind(
        build=_code,
        says="translate by a code table",
        argument="needed",
        misuses=_table,
        undo=_code_of,
        cannot=_by_prefix,
        partly=_not_one_to_one,
        turns=_turns,
    ),
}
