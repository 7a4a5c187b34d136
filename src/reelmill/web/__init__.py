"""The local server: pages, an HTTP API, and a queue of runs on one resident engine."""
