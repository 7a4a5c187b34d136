"""Results of runs and the recordings they were made of, as files of the server."""
