"""The server's own HTTP API: runs, uploads, folders, search."""
