"""Runs under a random schedule of faults: every recording ends either right or reported."""
