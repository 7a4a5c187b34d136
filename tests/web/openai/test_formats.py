"""Transcripts that the models of the other tests do not make."""

from __future__ import annotations

import json
from typing import Any

from reelmill.artifacts import Segment, SpokenTranscript, Transcript
from reelmill.web.openai.formats import Streamed, response_of, speakers_of, text_of
from reelmill.web.openai.limits import EndpointLimits
from reelmill.web.openai.open_runs import Heard
from reelmill.web.openai.parameters import read_parameters


def heard(*said: tuple[str, str | None], names: dict[str, str] | None = None) -> Heard:
    segments = [
        Segment(at, at + 0.5, text, -0.1, 0.0, 1.0, 0.0, speaker=speaker)
        for at, (text, speaker) in enumerate(said)
    ]
    known = SpokenTranscript if any(who for _, who in said) else Transcript
    return Heard(known("ko", 0.9, "base", len(said) + 0.25, 1.0, segments), names or {})


def body(found: Heard, form: str, **fields: list[str]) -> Any:
    asked = read_parameters(
        {"model": ["base"], "response_format": [form], **fields}, "transcribe", EndpointLimits()
    )
    return response_of(found, asked, lambda text: [1]).body.decode()


def test_speakers__of_channels_and_unknown_ones__are_letters_that_no_known_one_has() -> None:
    # proves: W2
    found = heard(("a", "right"), ("b", None), ("c", "left"), ("d", "right"), ("e", "third"),
                  names={"left": "A"})  # fmt: skip
    assert speakers_of(found) == {"right": "B", None: "unknown", "left": "A", "third": "C"}


def test_letters__go_on_after_z() -> None:
    many = heard(*((str(number), f"speaker {number}") for number in range(28)))
    assert list(speakers_of(many).values())[25:] == ["Z", "AA", "AB"]


def test_markup_and_arrows_in_a_text_are_no_markup() -> None:
    # proves: W2 W4
    found = heard(("a <b> --> c & d", None))
    assert "&lt;b&gt; --&gt; c &amp; d" in body(found, "vtt")
    assert "a <b> -> c & d" in body(found, "srt")


def test_a_recording_without_speech_has_an_empty_text() -> None:
    # proves: W2
    silent = heard()
    assert json.loads(body(silent, "json"))["text"] == ""
    assert body(silent, "text") == "\n"
    assert body(silent, "vtt") == "WEBVTT\n\n"
    assert json.loads(body(silent, "verbose_json"))["segments"] == []
    asked = read_parameters({"model": ["base"]}, "transcribe", EndpointLimits())
    done, end = Streamed(asked).rest(silent)
    assert '"transcript.text.done"' in done and end == "data: [DONE]\n\n"


def test_verbose_json__in_korean__has_the_languages_english_name() -> None:
    # proves: W2
    found = json.loads(body(heard(("안녕하세요", None), (" ", None), ("네", None)), "verbose_json"))
    assert (found["language"], found["text"]) == ("korean", "안녕하세요 네")
    assert [one["id"] for one in found["segments"]] == [0, 1]
    assert found["segments"][1]["seek"] == 200
    assert text_of(heard(("a\nb", None))) == "a b"


def streamed(*said: str, then: Heard) -> tuple[list[str], str]:
    """What a client gets that hears these texts before the end: the pieces, and the whole."""
    asked = read_parameters({"model": ["base"]}, "transcribe", EndpointLimits())
    answer = Streamed(asked)
    lines = [*map(answer.delta, said), *answer.rest(then)]
    *pieces, done = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    return [one["delta"] for one in pieces], done["text"]


def test_streamed__what_was_heard_meanwhile__is_not_told_twice() -> None:
    # proves: W2
    then = heard(("yes", None), ("yes", None), ("no", None))
    for count in range(4):
        pieces, text = streamed(*("yes", "yes", "no")[:count], then=then)
        assert (pieces, text) == (["yes", " yes", " no"], "yes yes no")


def test_streamed__a_text_that_was_recognized_again__is_in_the_last_event() -> None:
    # proves: W2
    pieces, text = streamed("yet", then=heard(("yes", None), ("no", None)))
    assert (pieces, text) == (["yet"], "yes no")
