"""What a target must keep unique before anything is pushed to it, or a push could be done twice."""

from collections.abc import Sequence

from renkei.errors import FixDeclaration

from .dialects import Ask, Source
from .orders import Order
from .push_targets import Target

#: Where the keys of pushes are kept, in the same database as the target's tables.
INBOX = "renkei_inbox"


def see_the_key(order: Order, unique: Sequence[frozenset[str]]) -> None:
    """FixDeclaration unless the key is one of these."""
    if frozenset(order["key"]) not in unique:
        problem = (
            f"{order['feed']}: {', '.join(order['key'])} is neither the primary key nor a unique key of"
            f" {order['table']}, so a row could be written twice"
        )
        raise FixDeclaration("E_DECLARATION", problems=problem)


def see_the_inbox(order: Order, target: Target, inbox: Source | None, ask: Ask) -> None:
    """FixDeclaration unless it is there and takes every push key once."""
    if inbox is None:
        raise FixDeclaration("E_TARGET_OBJECT", connection=order["connection"], object=INBOX, state="42S02")
    unique = [frozenset(inbox.primary_key), *target.unique_keys(ask, inbox, INBOX)]
    if frozenset({"push_key"}) not in unique:
        problem = (
            f"{order['feed']}: push_key of {INBOX} is neither its primary key nor unique, so a push could be"
            " done twice"
        )
        raise FixDeclaration("E_DECLARATION", problems=problem)
