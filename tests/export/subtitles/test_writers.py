"""Subtitle files are what players read: compared after reading them with other parsers."""

from __future__ import annotations

import io
import json
import re

import av
import pytest
import srt
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from reelmill.artifacts import (
    BrokenRule,
    CueSource,
    Sentence,
    Sentences,
    SubtitleCue,
    Subtitles,
    SubtitleTrack,
    TranslatedSentence,
    Translations,
    Word,
)
from reelmill.errors import UsageError
from reelmill.export.source import Source
from reelmill.export.subtitles import (
    DEFAULT_STYLE,
    DEFAULT_SUBTITLE_FORMATS,
    SubtitleDocument,
    parse_style,
    parse_subtitle_formats,
    subtitle_writer,
)
from reelmill.export.subtitles.style import least_size
from reelmill.export.subtitles.text_tracks import ass_file

NASTY = ["a < b & c > d", "{\\an8}위로", "C:\\new\\hall", "--> 화살", "<i>기울임</i>", "1995"]


def cue(start: float, end: float, *lines: str, original: tuple[str, ...] = ()) -> SubtitleCue:
    return SubtitleCue(start, end, list(lines), [CueSource(0, 0, 1)], list(original))


def document(*tracks: SubtitleTrack, **options) -> SubtitleDocument:
    sentences = [Sentence(0.0, 2.0, "はい。", [Word(0.0, 2.0, "はい。", 0.9, "aligned")])]
    translated = {
        t.language: [TranslatedSentence("네.", "retried", reason="empty")] for t in tracks
    }
    return SubtitleDocument(
        Subtitles("ja", "demo", 3700.0, list(tracks)),
        Sentences("ja", 3700.0, sentences),
        Translations("ja", "demo", translated),
        Source("회의 & 약속.mp4", "0" * 64, "1" * 32, 10, 0),
        **options,
    )


def track(*cues: SubtitleCue, language: str = "ko") -> SubtitleTrack:
    return SubtitleTrack(language, list(cues), [BrokenRule(0, "reading speed", 14.0, 12.0)])


def render(name: str, made: SubtitleDocument) -> str:
    return next(iter(subtitle_writer(name).files(made).values()))


TWO = track(cue(0.5, 2.25, "첫째 줄", "둘째 줄"), cue(3600.0, 3601.5, "한 시간 뒤"))


def test_each_language_has_its_own_file_and_smi_has_all() -> None:
    # proves: S5
    made = document(TWO, track(cue(1, 2, "Yes."), language="en"))
    names = [n for name in DEFAULT_SUBTITLE_FORMATS for n in subtitle_writer(name).files(made)]
    assert names == [
        "ko.srt", "en.srt", "ko.vtt", "en.vtt", "ko.ass", "en.ass", "smi", "subtitles.json",
    ]  # fmt: skip


def test_another_parser_reads_srt() -> None:
    read = list(srt.parse(render("srt", document(TWO))))
    assert [(c.start.total_seconds(), c.end.total_seconds(), c.content) for c in read] == [
        (0.5, 2.25, "첫째 줄\n둘째 줄"),
        (3600.0, 3601.5, "한 시간 뒤"),
    ]


def test_another_parser_reads_vtt() -> None:
    read = webvtt.from_buffer(io.StringIO(render("vtt", document(TWO))))
    assert [(c.start, c.end, c.text) for c in read] == [
        ("00:00:00.500", "00:00:02.250", "첫째 줄\n둘째 줄"),
        ("01:00:00.000", "01:00:01.500", "한 시간 뒤"),
    ]


def ffmpeg_cues(text: str, format_name: str) -> list[tuple[float, str]]:
    """Start and text of each event as FFmpeg decodes a subtitle file."""
    found = []
    with av.open(io.BytesIO(text.encode()), format=format_name) as container:
        for packet in container.demux(subtitles=0):
            if not packet.size or b"&nbsp;" in bytes(packet):  # FFmpeg has no empty SAMI text
                continue
            for subtitle in packet.decode():
                content = subtitle.dialogue.decode()
                if content.strip():
                    found.append((round(float(packet.pts * packet.time_base), 3), content))
    return found


@pytest.mark.parametrize(
    ("name", "format_name"), [("srt", "srt"), ("vtt", "webvtt"), ("ass", "ass"), ("smi", "sami")]
)
def test_ffmpeg_reads_the_same_from_every_format(name: str, format_name: str) -> None:
    # proves: S5
    read = [
        (start, text.replace("\r\n", "\n").replace("\\N", "\n").strip())
        for start, text in ffmpeg_cues(render(name, document(TWO)), format_name)
    ]
    assert read == [(0.5, "첫째 줄\n둘째 줄"), (3600.0, "한 시간 뒤")]


@pytest.mark.parametrize("text", NASTY)
def test_text_that_looks_like_markup_stays_text(text: str) -> None:
    made = document(track(cue(1, 2, text)))
    joiner = "\u2060"
    arrow = text.replace("-->", "->")
    assert [c.content.replace(joiner, "") for c in srt.parse(render("srt", made))] == [arrow]
    read = webvtt.from_buffer(io.StringIO(render("vtt", made)))
    assert unescaped(read[0].raw_text).replace(joiner, "") == text
    (_, shown) = ffmpeg_cues(render("ass", made), "ass")[0]
    assert shown.replace(joiner, "").replace("\\{", "{") == text
    body = render("smi", made).split("<BODY>")[1]
    assert text in unescaped(body) and (text in body) == (not re.search("[<>&]", text))


def unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_smi_has_a_class_for_each_language_and_clears_texts() -> None:
    # proves: S5
    korean = track(cue(1, 2, "네"), cue(2, 3, "아니요"), cue(5, 6, "끝"))
    text = render("smi", document(korean, track(cue(1.5, 4, "Yes"), language="en")))
    assert text.startswith("\ufeff<SAMI>")
    assert ".KRCC { Name: 한국어; lang: ko-KR; SAMIType: CC; }" in text
    assert ".ENCC { Name: English; lang: en-US; SAMIType: CC; }" in text
    assert "회의 &amp; 약속.mp4" in text
    points = re.findall(r"<SYNC Start=(\d+)><P Class=(\w+)>(.*)", text)
    assert points == [
        ("1000", "KRCC", "네"),
        ("1500", "ENCC", "Yes"),
        ("2000", "KRCC", "아니요"),
        ("3000", "KRCC", "&nbsp;"),
        ("4000", "ENCC", "&nbsp;"),
        ("5000", "KRCC", "끝"),
        ("6000", "KRCC", "&nbsp;"),
    ]


def test_bilingual_cues_show_both() -> None:
    made = document(track(cue(1, 2, "네.", original=("はい。",))))
    assert [c.content for c in srt.parse(render("srt", made))] == ["네.\nはい。"]
    ass = render("ass", made)
    assert "네.\\N{\\rOriginal}はい。" in ass and "Style: Original" in ass
    assert '네.<br><font color="#e8d27a">はい。</font>' in render("smi", made)


def test_style_reaches_the_ass_file_and_fits_the_picture() -> None:
    style = parse_style("font=Nanum Gothic, size=54,colour=#FFFF00,position=top,bold=yes")
    long = track(cue(1, 2, "열여덟 글자나 되는 긴 자막 한 줄이다"))
    ass = render("ass", document(long, style=style, picture=(1080, 1920)))
    assert "PlayResX: 1080" in ass and "PlayResY: 1920" in ass
    line = re.search(r"Style: Default,Nanum Gothic,(\d+)(?:\.0)?,&H0000FFFF,", ass)
    assert line and int(line[1]) <= 54
    wide = render("ass", document(long, style=style, picture=(1280, 720)))
    assert "PlayResX: 1920" in wide and ",54" in wide


@pytest.mark.parametrize("text", ["size", "size=big", "colour=red", "shade=2", "position=left"])
def test_a_wrong_style_is_refused_with_the_known_fields(text: str) -> None:
    with pytest.raises(UsageError, match=r"font=.*size=60"):
        parse_style(text)


def test_format_names_are_accepted_in_any_form() -> None:
    assert parse_subtitle_formats([".SRT,sami", "webvtt"]) == ("srt", "vtt", "smi")
    assert parse_subtitle_formats(["all"]) == DEFAULT_SUBTITLE_FORMATS
    with pytest.raises(UsageError, match="srt, vtt, ass, smi"):
        parse_subtitle_formats(["idx"])


def test_json_has_sources_and_broken_rules() -> None:
    # proves: S5
    content = json.loads(render("json", document(TWO)))
    assert content["sentences"][0]["translations"]["ko"] == {
        "text": "네.", "status": "retried", "reason": "empty",
    }  # fmt: skip
    first = content["tracks"][0]["cues"][0]
    assert first["from"] == [{"sentence": 0, "words": [0, 1]}]
    assert content["tracks"][0]["rules_broken"][0]["rule"] == "reading speed"
    assert "demo model" in content["notice"]


_LINE = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=30
).filter(lambda line: re.search(r"\w", line) and line == " ".join(line.split()))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(_LINE, min_size=1, max_size=2), min_size=1, max_size=5))
def test_any_text_is_read_back_from_srt_and_vtt(cues: list[list[str]]) -> None:
    made = document(track(*(cue(i * 3 + 1, i * 3 + 3, *lines) for i, lines in enumerate(cues))))
    expected = ["\n".join(lines) for lines in cues]
    read = [c.content.replace("\\\u2060", "\\") for c in srt.parse(render("srt", made))]
    assert read == [re.sub(r"-{2,}>", "->", text) for text in expected]
    vtt = webvtt.from_buffer(io.StringIO(render("vtt", made)))
    assert [unescaped(c.raw_text).replace("\\\u2060", "\\") for c in vtt] == expected


def test_letters_are_larger_on_small_pictures() -> None:
    long = track(cue(0, 1, "칠 일 안에 컴퓨터를 끝낼게요, 아마도."))
    for picture in ((320, 180), (180, 320)):
        least = least_size(DEFAULT_STYLE, picture)
        size = ass_file(long, DEFAULT_STYLE, picture, least).styles["Default"].fontsize
        assert size * 180 / 1080 == pytest.approx(16, abs=0.2)
    assert least_size(DEFAULT_STYLE, (640, 360)) < DEFAULT_STYLE.size
    assert least_size(parse_style("size=40"), (320, 180)) == 0
