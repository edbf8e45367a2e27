"""Steps on names and their readings."""

from renkei.mapping import folds
from renkei.mapping.steps.kinds import Step, StepKind, Surroundings, Value


def _wide_kana(value: Value, _step: Step, _around: Surroundings) -> Value:
    return value.then(folds.wide_kana(value.expr))


def _strict_key(value: Value, _step: Step, _around: Surroundings) -> Value:
    return value.then(folds.strict_key(value.expr))


STEPS: dict[str, StepKind] = {
    "wide_kana": StepKind(build=_wide_kana, says="half-width katakana to full width", keeps=True),
    "name_key": StepKind(build=_strict_key, says="strict key K1 of a name; kanji variants stay apart"),
    "kana_key": StepKind(build=_strict_key, says="strict key K1 of a reading"),
}
