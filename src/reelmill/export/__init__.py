"""Results written for people and other programs, with one writer class per format."""
