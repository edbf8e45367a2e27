"""The half of the ODBC connector that holds the driver: a program of its own, ``python -m odbc_child``.

One order on standard input, one line of JSON as the answer. ``odbc.py`` starts it in a process group of its
own, because a driver that waits on a dead link listens to nothing but SIGKILL. Nothing of a driver's text
leaves it: that text may quote a row.
"""
