"""Reports of a day: the mismatches as XLSX and CSV for the departments, the runs as one HTML page."""

from renkei.report.publish import Published, publish

__all__ = ["Published", "publish"]
