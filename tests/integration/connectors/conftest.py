"""The counterparts as fixtures."""

from tests.integration.connectors.mariadb_peer import mariadb, mariadb_server
from tests.integration.connectors.old_sshd_peer import old_sshd, old_sshd_process
from tests.integration.connectors.peers import full_disk, juki, juki_cluster, odbc, sftp, sshd, sshd_process
from tests.integration.connectors.proftpd_peer import proftpd, proftpd_process
from tests.integration.connectors.pushing import on_mariadb, on_postgresql, on_sqlite, register, server
from tests.integration.connectors.sqlite_peer import sqlite
from tests.integration.connectors.takers import taker

__all__ = [
    "full_disk",
    "juki",
    "juki_cluster",
    "mariadb",
    "mariadb_server",
    "odbc",
    "old_sshd",
    "old_sshd_process",
    "on_mariadb",
    "on_postgresql",
    "on_sqlite",
    "proftpd",
    "proftpd_process",
    "register",
    "server",
    "sftp",
    "sqlite",
    "sshd",
    "sshd_process",
    "taker",
]
