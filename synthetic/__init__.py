"""Synthetic calls with known truth: a closed grammar, espeak-ng voices, whole corpora."""
