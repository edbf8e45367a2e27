"""When a rule's answer is not believed at once: it found too many of its subjects, or had none to compare."""

from dataclasses import dataclass
from math import ceil

from renkei.errors import FixDeclaration
from renkei.reconcile.relation import HUB_RELATIONS
from renkei.reconcile.rule import Rule

#: However small the city: so many found subjects never hold a rule back.
LEAST = 100


@dataclass(frozen=True, kw_only=True)
class Held:
    """A rule that found more new subjects than its limit: none of its findings opens or closes a case."""

    rule_id: str
    found: int
    compared: int
    limit: int

    def fault(self) -> FixDeclaration:
        """The same as an error, for whoever must look at the rule."""
        numbers = {"found": self.found, "compared": self.compared, "limit": self.limit}
        return FixDeclaration("E_RULE_HELD", rule=self.rule_id, **numbers)


def held(rule: Rule, *, subjects: int, compared: int) -> Held | None:
    """Whether so many subjects, found for the first time and not in transit, hold the rule.

    Exactly the limit does not. What was raised before is no reason: people know of it.
    """
    limit = max(LEAST, ceil(rule.most * compared))
    if subjects <= limit:
        return None
    return Held(rule_id=rule.id, found=subjects, compared=compared, limit=limit)


def compared_nothing(rule: Rule, compared: int) -> bool:
    """True when there was no subject to compare, which is never "none found".

    A rule about the hub's own records is exempt: a day without deliveries or entries is an ordinary one.
    """
    return compared == 0 and rule.compare[0] not in HUB_RELATIONS


def nothing(rule: Rule) -> FixDeclaration:
    """What to tell of a rule that compared nothing."""
    return FixDeclaration("E_RULE_EMPTY", rule=rule.id, feed=rule.compare[0])
