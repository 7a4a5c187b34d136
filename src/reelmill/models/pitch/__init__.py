"""Fundamental frequency by autocorrelation (Boersma 1993), many frames at a time."""
