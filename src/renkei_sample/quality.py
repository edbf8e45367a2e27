"""How good each rule is over many nights: what it found, missed and made up, and which reasons were right."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import sqrt

from renkei_sample.score import Finding, match
from renkei_sample.truth import LAG_NIGHTS, Truth

#: Of a normal distribution: 95 in a hundred lie within so many standard deviations.
_Z = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleQuality:
    """One rule over all nights. A plant or an invention counts once, however many nights it stood.

    ``missed``: not on the books on a night on which it had to be. ``late``: still said to be in transit when
    the declared time was over, but not when the time was over that may be learned. ``false_later``: of the
    ``false`` ones, those that first stood after the warm-up. ``causes``: plants of two differing values that
    were found; ``causes_right``: those whose reason was the true one; ``confused``: the others by
    ``true: said``.
    """

    rule_id: str
    planted: int
    found: int
    missed: int
    false: int
    false_later: int
    causes: int
    causes_right: int
    late: int = 0
    confused: Mapping[str, int] = field(default_factory=dict)

    @property
    def recall(self) -> float | None:
        """Found of planted; ``None`` where nothing was planted."""
        return self.found / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        """Right of all that was said; ``None`` where nothing was said."""
        said = self.found + self.false
        return self.found / said if said else None

    @property
    def precision_interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the precision."""
        return wilson(self.found, self.found + self.false)

    @property
    def cause_share(self) -> float | None:
        """Reasons that were right; ``None`` where no two values were compared."""
        return self.causes_right / self.causes if self.causes else None


def wilson(right: int, all_of_them: int) -> tuple[float, float] | None:
    """Wilson's 95 % score interval of a share (E. B. Wilson, 1927); ``None`` of nothing at all."""
    if not all_of_them:
        return None
    share, square = right / all_of_them, _Z * _Z
    middle = (share + square / (2 * all_of_them)) / (1 + square / all_of_them)
    spread = sqrt(share * (1 - share) / all_of_them + square / (4 * all_of_them**2))
    half = _Z * spread / (1 + square / all_of_them)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(slots=True)
class _Counts:
    due: set[int] = field(default_factory=set)
    missed: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    false: dict[int, bool] = field(default_factory=dict)
    causes: dict[int, tuple[str, str | None]] = field(default_factory=dict)


class Tally:
    """Counts night after night; the truths must keep their places from one night to the next."""

    def __init__(self) -> None:
        self._rules: defaultdict[str, _Counts] = defaultdict(_Counts)

    def add(
        self,
        truths: Sequence[Truth],
        standing: Iterable[Finding],
        *,
        night: date,
        waiting: Iterable[Finding] = (),
        not_compared: frozenset[str] = frozenset(),
        warm: bool = True,
    ) -> None:
        """Count one night. A rule that was not compared says nothing new and is not judged by it.

        A finding of something that is really wrong is right even before it had to be found. ``waiting``: what
        the hub says is in transit, for which it may learn to wait a night longer than declared. ``warm``: the
        first nights, in which whatever has piled up comes to light, are over.
        """
        by_rule, waits = _by_rule(standing), _by_rule(waiting)
        placed: defaultdict[str, list[int]] = defaultdict(list)
        for number, truth in enumerate(truths):
            if _is_wrong(truth, night):
                placed[truth.rule_id].append(number)
        for rule_id in {*by_rule, *placed} - not_compared:
            numbers, told = placed[rule_id], (by_rule[rule_id], waits[rule_id])
            self._judge(rule_id, truths, numbers, *told, night=night, warm=warm)

    def _judge(
        self,
        rule_id: str,
        truths: Sequence[Truth],
        numbers: list[int],
        standing: list[Finding],
        waiting: list[Finding],
        *,
        night: date,
        warm: bool,
    ) -> None:
        counts = self._rules[rule_id]
        # what must be found is looked for first: of two alike, the one that is due has the finding
        numbers = sorted(numbers, key=lambda number: not truths[number].is_due(night))
        matched, false = match([truths[number] for number in numbers], standing)
        in_transit, _ = match([truths[number] for number in numbers], waiting)
        for place, number in enumerate(numbers):
            truth, finding = truths[number], matched.get(place)
            if truth.is_due(night):
                counts.due.add(number)
                if finding is None:
                    waits = place in in_transit and _may_still_wait(truth, night)
                    (counts.late if waits else counts.missed).add(number)
            if finding is not None and truth.why is not None and _is_settled(truth, night):
                counts.causes[number] = truth.why, finding.why
        for each in false:
            counts.false.setdefault(each.mismatch_id, warm)

    def rules(self, every: Iterable[str] = ()) -> list[RuleQuality]:
        """Each rule that was planted, that said something, or that is named, in order."""
        return [_told(rule_id, self._rules[rule_id]) for rule_id in sorted({*every, *self._rules})]


def _by_rule(findings: Iterable[Finding]) -> defaultdict[str, list[Finding]]:
    held: defaultdict[str, list[Finding]] = defaultdict(list)
    for each in findings:
        held[each.rule_id].append(each)
    return held


def _may_still_wait(truth: Truth, night: date) -> bool:
    """The time that may be learned, at most twice what was declared, ends a night after the declared one."""
    return night < truth.since + timedelta(days=LAG_NIGHTS + 1)


def _is_settled(truth: Truth, night: date) -> bool:
    """Until its declared time is over, a fresh difference cannot be told from a change that is on its way."""
    return night >= truth.planted_on + timedelta(days=LAG_NIGHTS)


def _is_wrong(truth: Truth, night: date) -> bool:
    gone = truth.gone_from is not None and night >= truth.gone_from and not truth.lasting
    return truth.planted_on <= night and not gone


def _told(rule_id: str, counts: _Counts) -> RuleQuality:
    return RuleQuality(
        rule_id=rule_id,
        planted=len(counts.due),
        found=len(counts.due - counts.missed),
        missed=len(counts.missed),
        false=len(counts.false),
        false_later=sum(counts.false.values()),
        late=len(counts.late),
        causes=len(counts.causes),
        causes_right=sum(true == said for true, said in counts.causes.values()),
        confused=Counter(f"{true}: {said}" for true, said in counts.causes.values() if true != said),
    )
