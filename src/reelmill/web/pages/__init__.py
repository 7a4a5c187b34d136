"""The server's pages, and the files they are made of."""
