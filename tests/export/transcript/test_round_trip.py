"""Files with any text can be read back by independent parsers."""

# proves: V7, S5 (no overlaps from rounding)

from __future__ import annotations

import html
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.artifacts import Segment, Transcript
from reelmill.export.transcript import Document, Source, writer_for
from reelmill.export.transcript.cues import cues, one_line

pysubs2 = pytest.importorskip("pysubs2")

SOURCE = Source("a.m4a", "0" * 64, "0" * 32, 0, 0)

texts = st.text(max_size=40) | st.sampled_from(
    ["7", "-->", "a --> b", "<i>x</i>", "a & b &amp;", "WEBVTT", "NOTE", "\r\n\r\n9\r\n", "가\t나"]
)
speakers = st.none() | st.text(max_size=8) | st.just("SPEAKER_00")


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Segments one after the other, as a recognizer gives them."""
    gaps = st.floats(0, 30, allow_nan=False)
    times = list(itertools.accumulate(draw(st.lists(gaps, max_size=12))))
    segments = [
        Segment(start, end, draw(texts), -0.1, 0.0, 1.0, 0.0, speaker=draw(speakers))
        for start, end in itertools.pairwise(times)
    ]
    return Document(Transcript("ko", 1.0, "demo", 400.0, 300.0, segments), SOURCE)


@given(documents())
def test_srt_and_vtt_hold_the_same_cues_for_pysubs2(document):
    expected = [(cue.start, cue.end) for cue in cues(document.transcript)]
    for name in ("srt", "vtt"):
        read = pysubs2.SSAFile.from_string(
            writer_for(name).render(document), format_=name, keep_html_tags=True
        )
        assert [(event.start, event.end) for event in read] == expected


@given(documents())
def test_vtt_texts_are_read_back(document):
    read = pysubs2.SSAFile.from_string(
        writer_for("vtt").render(document), format_="vtt", keep_html_tags=True
    )
    for event, cue in zip(read, cues(document.transcript), strict=True):
        text = event.text
        if cue.speaker and one_line(cue.speaker):
            voice, text = text.removeprefix("<v ").removesuffix("</v>").split(">", 1)
            assert html.unescape(voice).strip() == one_line(cue.speaker)
        assert html.unescape(text).strip() == html.unescape(html.escape(cue.text, quote=False))


@given(documents())
def test_times_are_ordered_and_never_negative(document):
    made = cues(document.transcript)
    for cue in made:
        assert 0 <= cue.start <= cue.end
    for one, next_one in itertools.pairwise(made):
        assert one.end <= next_one.start


@given(documents())
def test_tsv_has_the_same_columns_in_every_row(document):
    rows = writer_for("tsv").render(document).removesuffix("\n").split("\n")
    made = cues(document.transcript)
    assert len(rows) == len(made) + 1
    assert len({row.count("\t") for row in rows}) == 1
    for row, cue in zip(rows[1:], made, strict=True):
        assert [int(value) for value in row.split("\t")[:2]] == [cue.start, cue.end]


@given(documents())
def test_json_keeps_every_segment_and_its_text(document):
    content = json.loads(writer_for("json").render(document))
    assert [part["text"] for part in content["segments"]] == [
        part.text.strip() for part in document.transcript.segments
    ]


@given(
    st.lists(
        st.tuples(
            st.floats(),
            st.floats(),
        ),
        max_size=6,
    )
)
def test_invalid_times_do_not_break_any_format(times):
    segments = [Segment(a, b, "x", float("nan"), 0.0, float("inf"), 0.0) for a, b in times]
    document = Document(Transcript("ko", 1.0, "demo", 1.0, 1.0, segments), SOURCE)
    for name in ("json", "txt", "srt", "vtt", "tsv"):
        writer_for(name).render(document)
    assert all(0 <= cue.start <= cue.end for cue in cues(document.transcript))
