"""What a run leaves for people and programs: a page, two JSON files, and the closing lines."""

from reelmill.report.page import REPORT_PAGE, write_page
from reelmill.report.performance import (
    FAILED_FILES,
    PERFORMANCE_REPORT,
    failed_files,
    performance_report,
    write_performance,
)
from reelmill.report.text import closing_lines

__all__ = [
    "FAILED_FILES",
    "PERFORMANCE_REPORT",
    "REPORT_PAGE",
    "closing_lines",
    "failed_files",
    "performance_report",
    "write_page",
    "write_performance",
]
