"""Measurements on real recordings, which are not part of the project: a folder of them is given."""
