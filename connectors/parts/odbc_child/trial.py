"""Sign in once, read-only, and prove that the driver returns difficult characters unchanged."""

from typing import Any

from renkei.errors import Stop

from .dialects import dialect_of
from .links import driver_errors, row_connection
from .orders import Order

#: A text that must come back unchanged before a driver may be trusted with names.
CANARY = "髙﨑𠮷田～－∥①㈱葛\U000e0101ｶﾞ"


def test(order: Order) -> dict[str, Any]:
    """What was found: server, driver, and the mode that a pull would read in."""
    import pyodbc

    connection, dialect = row_connection(order), dialect_of(order)
    with driver_errors(order):
        for statement in dialect.snapshot():
            connection.execute(statement)
        query, wanted = dialect.mode()
        mode = connection.execute(query).fetchone()[0]
        echoed = connection.execute("SELECT CAST(? AS char(200))", CANARY).fetchone()[0]
        told = connection.getinfo
        found = {
            "server": f"{told(pyodbc.SQL_DBMS_NAME)} {told(pyodbc.SQL_DBMS_VER)}",
            "driver": f"{told(pyodbc.SQL_DRIVER_NAME)} {told(pyodbc.SQL_DRIVER_VER)}",
        }
        connection.close()
    if mode != wanted:
        raise Stop("E_DRIVER", connection=order["connection"], state=mode)
    if echoed.rstrip(" ") != CANARY:
        raise Stop("E_PULL_CHECKSUM", feed=order["feed"], column="canary")
    return {**found, "dialect": dialect.name, "mode": mode}
