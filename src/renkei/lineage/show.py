"""What a person is shown of a way back: values in clear, as shapes, or not at all, by their sensitivity."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from renkei.mapping import Mapping as FeedMapping
from renkei.mapping.declaration import FieldRule
from renkei.mapping.explain import FieldTold, StepTold
from renkei.mapping.masking import masked
from renkei.mapping.steps import SPREAD, STEPS
from renkei.records import SENSITIVITIES, Sensitivity, sensitivity_of


@dataclass(frozen=True, kw_only=True)
class Classes:
    """How secret each target and each raw column of one version of a mapping is."""

    targets: Mapping[str, Sensitivity]
    raw: Mapping[str, Sensitivity]

    def of_target(self, record: str, name: str) -> Sensitivity:
        """A column that no field names is as secret as its record type says."""
        return self.targets.get(name) or sensitivity_of(record, name)


def classes_of(mapping: FeedMapping) -> Classes:
    """A raw column is as secret as the most secret field that reads it."""
    targets = {rule.to: rule.sensitivity for rule in mapping.fields}
    raw: dict[str, Sensitivity] = {}
    for rule in mapping.fields:
        for name in read_by(rule):
            raw[name] = highest(raw.get(name, "plain"), rule.sensitivity)
    return Classes(targets=targets, raw=raw)


def draft_classes(draft: FeedMapping, used: FeedMapping | None) -> Classes:
    """Classes of a text that nobody has approved: never below those of the one that was used.

    A raw column that the used text does not read is personal, and a field that is not in it, just so, is as
    secret as what it reads, unless it gives words and not what was written.
    """
    mine = classes_of(draft)
    if used is not None and used.digest == draft.digest:
        return mine
    old = Classes(targets={}, raw={}) if used is None else classes_of(used)
    approved = set() if used is None else {_meaning(rule) for rule in used.fields}
    raw = {name: highest(own, old.raw.get(name, "personal")) for name, own in mine.raw.items()}
    targets = {
        rule.to: highest(
            rule.sensitivity,
            old.targets.get(rule.to, "plain"),
            *(
                ()
                if _gives_words(rule) or _meaning(rule) in approved
                else (raw[name] for name in read_by(rule))
            ),
        )
        for rule in draft.fields
    }
    return Classes(targets=targets, raw=raw)


#: Steps that give one of a few words, whatever was written.
_OF_WORDS = frozenset({"code", "equals", "present", "boolean"})


def _gives_words(rule: FieldRule) -> bool:
    return any(step.name in _OF_WORDS for step in rule.steps)


def _meaning(rule: FieldRule) -> str:
    """What a field makes of which columns, wherever it stands."""
    return repr(replace(rule, line=0))


def read_by(rule: FieldRule) -> tuple[str, ...]:
    """Raw columns that a field reads: its sources, and those that its steps look at beside them."""
    given = [step.argument for step in rule.steps if isinstance(step.argument, Mapping)]
    beside = [each["municipality"] for each in given if "municipality" in each]
    return tuple(dict.fromkeys((*rule.sources, *beside)))


def highest(*classes: Sensitivity) -> Sensitivity:
    """The most secret of several."""
    return max(classes, key=SENSITIVITIES.index)


def rule_for(mapping: FeedMapping, column: str) -> FieldRule | None:
    """The field that fills a column: its own, or the one whose value has several parts."""
    own = next((rule for rule in mapping.fields if rule.to == column), None)
    return own or next((rule for rule in mapping.fields if column in _neighbours(rule)), None)


def _neighbours(rule: FieldRule) -> set[str]:
    kind = STEPS[rule.steps[-1].name].gives if rule.steps else "text"
    if kind not in SPREAD:
        return set()
    _, parts = SPREAD[kind]
    return {f"{rule.to}_{part}" for part in (*parts, "raw")}


def veiled(told: FieldTold, classes: Classes, *, own: Sensitivity) -> FieldTold:
    """A field's way with every value as its shape; before the last step it is as secret as its source."""
    source = highest(own, *(classes.raw.get(name, "personal") for name, _ in told.raw))
    last = len(told.steps) - 1
    return replace(
        told,
        raw=tuple((name, _shape(text, classes.raw.get(name, "personal"))) for name, text in told.raw),
        text=_shape(told.text, source),
        steps=tuple(
            StepTold(step=each.step, value=_shape(each.value, own if place == last else source))
            for place, each in enumerate(told.steps)
        ),
        value=_shape(told.value, own),
    )


def _shape(value: Any, sensitivity: Sensitivity) -> Any:  # noqa: ANN401 - a value, or its parts by name
    if isinstance(value, Mapping):
        return {name: masked(part, sensitivity) for name, part in value.items()}
    return masked(value, sensitivity)
