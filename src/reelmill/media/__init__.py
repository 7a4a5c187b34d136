"""Everything that touches FFmpeg: the only importers of `av`."""
