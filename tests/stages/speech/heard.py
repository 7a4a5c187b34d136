"""Windows as a recognizer might have heard them, for tests of what follows."""

from reelmill.artifacts import RecognizedWindow, Segment, Span


def window(start, end, language, languages=None, text="some words", logprob=-0.2, spans=None):
    """A window from `start` to `end` seconds with one segment; `languages` are probabilities."""
    segments = [Segment(start, end, text, logprob, 0.1, 1.2, 0.0)] if text else []
    pieces = [Span(*span) for span in spans or [(start, end)]]
    return RecognizedWindow(pieces, language, languages or {language: 0.99}, segments)
