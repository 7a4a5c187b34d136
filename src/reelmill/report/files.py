"""The names of a run's reports in its output folder."""

from __future__ import annotations

REPORT_PAGE = "report.html"
#: All recordings of the folder.
INDEX_PAGE = "index.html"
PERFORMANCE_PAGE = "performance.html"
PERFORMANCE_REPORT = "performance_report.json"
FAILED_FILES = "failed_files.json"
#: The same people across several videos.
PEOPLE = "people.json"
#: Who is the same person in several recordings, by voice.
SPEAKERS = "speakers.json"
