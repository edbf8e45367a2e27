"""Reconciliation (突合): finds where systems disagree and keeps the cases that staff work on.

Rules are text (``rule``); finding is pure (``find``); keeping cases happens in one transaction (``cases``).
"""

from renkei.reconcile.relation import FeedTerms, Source
from renkei.reconcile.rule import Rule, declared_terms, load_rulebook, load_rules

__all__ = ["FeedTerms", "Rule", "Source", "declared_terms", "load_rulebook", "load_rules"]
