"""Windows as a recognizer might have heard them, for tests of what follows."""

from reelmill.artifacts import RecognizedWindow, Segment, Span


def window(start, end, language, languages=None, text=None, logprob=-0.2, spans=None):
    """A window from `start` to `end` seconds with one segment, as many words as are said in that
    time unless `text` says otherwise; `languages` are probabilities."""
    text = "some words " * int(end - start) if text is None else text
    segments = [Segment(start, end, text, logprob, 0.1, 1.2, 0.0)] if text else []
    pieces = [Span(*span) for span in spans or [(start, end)]]
    return RecognizedWindow(pieces, language, languages or {language: 0.99}, segments)
