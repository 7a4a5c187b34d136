"""Custody: who did what with which originals and results, as a chain of entries."""

from reelmill.evidence.custody.chain import CUSTODY, Head, head

__all__ = ["CUSTODY", "Head", "head"]
