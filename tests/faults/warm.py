"""What every worker of the kill harness would import first: the parent that they fork from has it already.

Modules only: a parent that had worked something out would have threads, and could not be forked.
"""

import arrow
import jpholiday
import jsonschema
import paramiko
import psycopg
import pyarrow.dataset
import re2
import sqlglot
import tenacity
import xlsxwriter
from sqlalchemy.dialects.postgresql import psycopg as dialect

import renkei.arrival
import renkei.mapping.compile
import renkei.mapping.reading
import renkei.part
import renkei.reconcile.find
import renkei.secrets
import renkei.workflow

__all__ = [
    "arrow", "dialect", "jpholiday", "jsonschema", "paramiko", "psycopg", "pyarrow", "re2", "renkei", "sqlglot",
    "tenacity", "xlsxwriter",
]  # fmt: skip
