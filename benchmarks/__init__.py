"""Benchmarks: each is a command that runs the peer beside ours, prints a table and writes JSON."""
