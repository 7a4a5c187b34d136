"""Searching the results in an output folder for what was said and what was found."""
