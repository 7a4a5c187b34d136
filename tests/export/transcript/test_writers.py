"""Each format: its exact form, and special cases."""

# proves: V7 (json, txt, srt, vtt, tsv)

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reelmill.artifacts import Turn
from reelmill.errors import UsageError
from reelmill.export.transcript import DEFAULT_FORMATS, parse_formats, writer_for


def test_txt_has_the_expected_content(call):
    assert writer_for("txt").render(call) == (
        "[A]: 여보세요, 김민수입니다.\n[B]: We meet at <5 & 6>.\n"
    )


def test_srt_has_the_expected_content(call):
    assert writer_for("srt").render(call) == (
        "1\n00:00:00,000 --> 00:00:02,500\n[A]: 여보세요, 김민수입니다.\n\n"
        "2\n00:00:02,500 --> 00:01:01,000\n[B]: We meet at <5 & 6>.\n\n"
    )


def test_vtt_has_the_expected_content(call):
    assert writer_for("vtt").render(call) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:02.500\n<v A>여보세요, 김민수입니다.</v>\n\n"
        "00:00:02.500 --> 00:01:01.000\n<v B>We meet at &lt;5 &amp; 6&gt;.</v>\n\n"
    )


def test_tsv_has_the_expected_content(call):
    assert writer_for("tsv").render(call) == (
        "start\tend\ttext\tspeaker\n0\t2500\t여보세요, 김민수입니다.\tA\n"
        "2500\t61000\tWe meet at <5 & 6>.\tB\n"
    )


def test_json_has_the_expected_content(call):
    content = json.loads(writer_for("json").render(call))
    assert content["schema"] == "reelmill.transcript/1"
    assert content["made_by"]["program"] == "reelmill"
    assert content["source"] == {
        "name": "통화 녹음_250603.m4a",
        "sha256": "ab" * 32,
        "md5": "cd" * 16,
        "size": 1234,
        "modified": "2025-06-15T15:06:40+00:00",
        "mtime_ns": 1_750_000_000_123_456_789,
    }
    assert (content["language"], content["model"]) == ("ko", "large-v3")
    assert content["settings"] == {"language": "ko", "temperature": [0.0, 0.2]}
    assert content["text"] == "여보세요, 김민수입니다. We meet at <5 & 6>."
    first, second = content["segments"]
    assert first["speaker"] == "A"
    assert first["words"][1] == {
        "word": "김민수입니다.",
        "start": 1.0,
        "end": 2.5,
        "score": None,
        "timing": "whisper",
    }
    assert "words" not in second
    assert "여보세요" in writer_for("json").render(call)


@pytest.mark.parametrize("model", ["demo", "demo-small", "reelmill/demo"])
def test_results_of_the_demo_model_say_so(make_document, model):
    content = json.loads(writer_for("json").render(make_document([], model)))
    assert "must not be relied on" in content["notice"]


def test_results_of_other_models_do_not_mention_a_demo(make_document):
    for model in ("large-v3", "democracy", "my-demo"):
        content = json.loads(writer_for("json").render(make_document([], model)))
        assert content["notice"].startswith("Machine output.")


def test_silence_gives_no_text(make_document, make_segment):
    for segments in ([], [make_segment(0, 1, "  "), make_segment(1, 2, "\n\n")]):
        silent = make_document(segments)
        assert writer_for("txt").render(silent) == ""
        assert writer_for("srt").render(silent) == ""
        assert writer_for("vtt").render(silent) == "WEBVTT\n\n"
        assert writer_for("tsv").render(silent) == "start\tend\ttext\n"


def test_markup_in_texts_is_escaped_in_every_format(make_document, make_segment):
    text = "a\n\n2\n00:00:09,000 --> 00:00:10,000\nb\tc\x00\u2028d ---> e & <b>"
    hostile = make_document([make_segment(-1.0, -2.0, text, "K\n<i>&"), make_segment(1, 0.5, "x")])
    assert writer_for("srt").render(hostile).splitlines()[1:3] == [
        "00:00:00,000 --> 00:00:00,000",
        "[K <i>&]: a 2 00:00:09,000 -> 00:00:10,000 b\tc d -> e & <b>",
    ]
    assert "<v K &lt;i&gt;&amp;>a 2 " in writer_for("vtt").render(hostile)
    rows = writer_for("tsv").render(hostile).splitlines()
    assert [row.count("\t") for row in rows] == [3, 3, 3]
    assert rows[2] == "1000\t1000\tx\t"


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "- yes", "＋1", "@x", " =1"])
def test_tsv_marks_formulas_as_text(make_document, make_segment, text):
    table = writer_for("tsv").render(make_document([make_segment(0, 1, text, text)]))
    assert table.splitlines()[1] == f"0\t1000\t'{text.strip()}\t'{text.strip()}"
    content = json.loads(writer_for("json").render(make_document([make_segment(0, 1, text)])))
    assert content["text"] == text.strip(), "the JSON has what was said"


def test_rttm_escapes_control_characters(make_document):
    odd = make_document([])
    source = replace(odd.source, name="a\x1b[2J b\nSPEAKER.wav")
    turns = [Turn(0.0, 1.5, "K\x07 im\u202e")]
    text = writer_for("rttm").render(replace(odd, source=source, turns=turns))
    assert text == (
        r"SPEAKER a\x1b[2J_b_SPEAKER.wav 1 0.000 1.500 <NA> <NA> K\x07_im\u202e <NA> <NA>" "\n"
    )


@pytest.mark.parametrize("year", [-300, 2300, 9999, 10_000, 300_000])
def test_a_source_of_any_year_is_written(make_document, year):
    # proves: G8
    odd = make_document([])
    nanoseconds = round((year - 1970) * 365.2425 * 86400) * 10**9
    odd = replace(odd, source=replace(odd.source, mtime_ns=nanoseconds))
    source = json.loads(writer_for("json").render(odd))["source"]
    assert source["mtime_ns"] == nanoseconds
    modified = source["modified"]
    assert modified is None if not 0 < year <= 9999 else modified[:4] in (f"{year}", f"{year - 1}")
    assert writer_for("docx").content(odd).startswith(b"PK")


def test_times_of_long_recordings_are_written(make_document, make_segment):
    late = make_document([make_segment(360_000.0, 360_001.9996, "x")])
    assert "100:00:00,000 --> 100:00:02,000" in writer_for("srt").render(late)
    assert "100:00:00.000 --> 100:00:02.000" in writer_for("vtt").render(late)


def test_a_source_name_that_is_not_utf8_is_written(make_document):
    odd = make_document([])
    odd = replace(odd, source=replace(odd.source, name="\udcff.m4a"))
    text = writer_for("json").render(odd)
    text.encode("utf-8")
    assert json.loads(text)["source"]["name"] == "\udcff.m4a"


def test_format_names_are_parsed():
    assert parse_formats(["VTT,.srt", "json", "srt"]) == ("json", "srt", "vtt")
    assert parse_formats(["all"]) == DEFAULT_FORMATS == ("json", "txt", "srt", "vtt", "tsv")
    with pytest.raises(UsageError, match=r"'doc'.*json, txt, srt, vtt, tsv"):
        parse_formats(["json", "doc"])
    with pytest.raises(UsageError, match="no format"):
        parse_formats([","])
