"""Transcripts in the form that courts expect: drafts, to be checked by a person."""
