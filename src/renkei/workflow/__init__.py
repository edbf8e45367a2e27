"""The verbs of the hub. The only place that changes state.

Airflow, the command line and the console call these and nothing else. Each records its run, and writes
its audit event in the same transaction as its data.
"""

from renkei.workflow.sync_in import SyncResult, sync_in

__all__ = ["SyncResult", "sync_in"]
