"""What a run leaves for people and programs: a page, two JSON files, and the closing lines."""
