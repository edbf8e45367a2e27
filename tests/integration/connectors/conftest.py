"""The counterparts as fixtures."""

from tests.integration.connectors.peers import full_disk, juki, juki_cluster, odbc, sftp, sshd, sshd_process

__all__ = ["full_disk", "juki", "juki_cluster", "odbc", "sftp", "sshd", "sshd_process"]
