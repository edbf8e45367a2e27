"""The verbs of the hub. The only place that changes state.

Airflow, the command line and the console call these and nothing else. Each records its run, and writes
its audit event in the same transaction as its data.
"""

from renkei.workflow.apply import apply, refuse
from renkei.workflow.change import Change, propose
from renkei.workflow.decide import (
    Decided,
    approve_decision,
    decide,
    refuse_decision,
    withdraw_decision,
)
from renkei.workflow.evidence import ReportResult, SealResult, report, seal
from renkei.workflow.in_force import in_force
from renkei.workflow.plan import Plan, plan
from renkei.workflow.propose_links import LinkResult, propose_links
from renkei.workflow.reconcile import ReconcileResult, reconcile
from renkei.workflow.refeed import plan_refeed, refeed, replay
from renkei.workflow.slip import SlipResult, slip
from renkei.workflow.sync_in import SyncResult, sync_in
from renkei.workflow.verify import verify, verify_every
from renkei.workflow.watch import watch

__all__ = [
    "Change",
    "Decided",
    "LinkResult",
    "Plan",
    "ReconcileResult",
    "ReportResult",
    "SealResult",
    "SlipResult",
    "SyncResult",
    "apply",
    "approve_decision",
    "decide",
    "in_force",
    "plan",
    "plan_refeed",
    "propose",
    "propose_links",
    "reconcile",
    "refeed",
    "refuse",
    "refuse_decision",
    "replay",
    "report",
    "seal",
    "slip",
    "sync_in",
    "verify",
    "verify_every",
    "watch",
    "withdraw_decision",
]
