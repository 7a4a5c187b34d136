"""Watched folders: recordings are taken as they arrive, each once."""
