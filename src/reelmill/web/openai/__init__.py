"""OpenAI's API for transcription, so that programs written for it work with this server.

A request's file becomes a recording of a run that is kept open for all requests that ask for the
same (`open_runs.py`), so that recordings of many clients are recognized in the same batches.
"""
