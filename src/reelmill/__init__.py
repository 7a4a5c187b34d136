"""Reelmill: recordings in; transcripts, subtitles, findings and clips out."""

__version__ = "0.1.0"
