"""The verbs of the hub. The only place that changes state.

Airflow, the command line and the console call these and nothing else. Each records its run, and writes
its audit event in the same transaction as its data.
"""

from renkei.workflow.evidence import ReportResult, SealResult, report, seal
from renkei.workflow.plan import Plan, plan
from renkei.workflow.reconcile import ReconcileResult, reconcile
from renkei.workflow.refeed import refeed, replay
from renkei.workflow.sync_in import SyncResult, sync_in
from renkei.workflow.watch import watch

__all__ = [
    "Plan",
    "ReconcileResult",
    "ReportResult",
    "SealResult",
    "SyncResult",
    "plan",
    "reconcile",
    "refeed",
    "replay",
    "report",
    "seal",
    "sync_in",
    "watch",
]
