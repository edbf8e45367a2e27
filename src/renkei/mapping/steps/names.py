"""Steps on names, their readings, and the names of account holders."""

from collections.abc import Callable, Iterator

import polars as pl

from renkei.mapping import account, folds, latin
from renkei.mapping.steps.kinds import Known, Misuse, Step, StepKind, Surroundings, Value, must_match

Fold = Callable[[pl.Expr], pl.Expr]


def _fold(fold: Fold) -> Callable[[Value, Step, Surroundings], Value]:
    def build(value: Value, _step: Step, _around: Surroundings) -> Value:
        return value.then(fold(value.expr))

    return build


def _roman_key(value: Value, step: Step, _around: Surroundings) -> Value:
    return value.then(latin.roman_key(value.expr, in_order=step.argument != "sorted"))


def _account_kana(value: Value, _step: Step, _around: Surroundings) -> Value:
    return value.then(account.bank_kana(value.expr), must_match(account.BANK_TEXT))


def _order(step: Step, _known: Known) -> Iterator[Misuse]:
    orders = ("written", "sorted")
    if step.argument not in (None, *orders):
        yield Misuse(expected=" | ".join(orders), found=str(step.argument), near=orders)


_FOLDED = ("書き分けがたたまれて残らない", "spellings are folded into one")

STEPS: dict[str, StepKind] = {
    "wide_kana": StepKind(
        build=_fold(folds.wide_kana),
        says="half-width katakana to full width",
        lossy=("半角だったか全角だったかが残らない", "whether it was half or full width is not kept"),
        keeps=True,
    ),
    "name_key": StepKind(
        build=_fold(folds.strict_key),
        says="strict key K1 of a name; kanji variants stay apart",
        lossy=_FOLDED,
    ),
    "kana_key": StepKind(build=_fold(folds.strict_key), says="strict key K1 of a reading", lossy=_FOLDED),
    "name_loose_key": StepKind(
        build=_fold(folds.loose_key),
        says="loose key K2 of a name: kanji variants and sounds that a search takes for one",
        lossy=_FOLDED,
    ),
    "kana_loose_key": StepKind(
        build=_fold(folds.loose_key),
        says="loose key K2 of a reading: sounds that a search takes for one",
        lossy=_FOLDED,
    ),
    "roman_key": StepKind(
        build=_roman_key,
        says="key of a name in Latin letters: capitals without accents, parts as written or sorted",
        argument="optional",
        misuses=_order,
        lossy=_FOLDED,
    ),
    "account_kana": StepKind(
        build=_account_kana,
        says="an account holder's name as banks write it",
        lossy=("小書きと長音の書き分けが残らない", "small kana and long marks are not kept"),
    ),
    "account_kana_key": StepKind(
        build=_fold(account.bank_key),
        says="equal for an account holder's name and a person's reading",
        lossy=_FOLDED,
    ),
}
