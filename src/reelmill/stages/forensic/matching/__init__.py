"""Matches patterns of language: analysers, forms, grammar and pattern files."""
