"""Proves an audit trail without trusting the program that wrote it: no code is shared with the hub."""

from renkei_verify.program import main as main
