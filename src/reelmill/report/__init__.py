"""The reports of a run: a page, two JSON files, and the closing lines."""
