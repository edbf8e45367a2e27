"""Reports of a day: the mismatches as XLSX and CSV for the departments, the runs as one HTML page.

``renkei.report.publish`` writes them; this package imports nothing by itself.
"""
