"""WebVTT whose words light up."""

from __future__ import annotations

import re

from reelmill.artifacts import Word
from reelmill.export.transcript import writer_for


def test_each_word_has_its_time_before_it(make_document, make_segment) -> None:
    # proves: V7
    said = make_segment(1.0, 3.0, "Well, <this> is Kim & Co.", "A")
    times = [(1.0, 1.4), (1.5, 1.9), (1.9, 2.1), (2.1, 2.5), (2.5, 2.6), (2.6, 3.0)]
    said.words = [
        Word(start, end, text, 0.9, "aligned")
        for (start, end), text in zip(times, said.text.split(), strict=True)
    ]
    text = writer_for("vtt", words=True).content(make_document([said])).decode("utf-8")
    assert text.startswith("WEBVTT\n\nSTYLE\n::cue(:future)")
    assert "00:00:01.000 --> 00:00:03.000\n<v A>Well, <00:00:01.500>&lt;this&gt; " in text
    assert "<00:00:02.500>&amp; <00:00:02.600>Co.</v>" in text
    plain = re.sub(r"<[^>]*>", "", text.split("-->")[1].split("\n", 1)[1]).strip()
    assert plain == "Well, &lt;this&gt; is Kim &amp; Co."


def test_words_are_highlighted_only_in_formats_that_support_it(call) -> None:
    assert writer_for("srt", words=True).content(call) == writer_for("srt").content(call)
    assert writer_for("vtt", words=True).content(call) != writer_for("vtt").content(call)
