"""Corrections that people make on the review pages of a server."""
