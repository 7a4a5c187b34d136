"""Runs that outlive the server: they are kept on the disk and go on where they were."""
