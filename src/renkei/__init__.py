"""Renkei (連携): pulls, normalizes, links, reconciles and proves what a municipality's systems hold."""

__version__ = "0.1.0"
