"""Results written for people and other programs: one writer class a format."""
