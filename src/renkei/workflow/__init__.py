"""The verbs of the hub. The only place that changes state.

Airflow, the command line and the console call these and nothing else. Each records its run, and writes
its audit event in the same transaction as its data.
"""

from renkei.workflow.apply import apply, refuse
from renkei.workflow.change import Change, propose
from renkei.workflow.evidence import ReportResult, SealResult, report, seal
from renkei.workflow.in_force import in_force
from renkei.workflow.plan import Plan, plan
from renkei.workflow.reconcile import ReconcileResult, reconcile
from renkei.workflow.refeed import plan_refeed, refeed, replay
from renkei.workflow.slip import SlipResult, slip
from renkei.workflow.sync_in import SyncResult, sync_in
from renkei.workflow.watch import watch

__all__ = [
    "Change",
    "Plan",
    "ReconcileResult",
    "ReportResult",
    "SealResult",
    "SlipResult",
    "SyncResult",
    "apply",
    "in_force",
    "plan",
    "plan_refeed",
    "propose",
    "reconcile",
    "refeed",
    "refuse",
    "replay",
    "report",
    "seal",
    "slip",
    "sync_in",
    "watch",
]
