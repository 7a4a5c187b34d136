"""The stages behind review pages: outline of the sound, listening copies, pages as results."""

# proves: V7

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.artifacts import (
    Audio,
    Finding,
    ListeningCopies,
    Media,
    ReviewPage,
    Segment,
    Sentence,
    Sentences,
    Transcript,
    TranslatedSentence,
    Translations,
    VideoTrack,
    Waveform,
    Word,
)
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.export.names import SpeakerName
from reelmill.stages.review.listening import MakeListeningCopies
from reelmill.stages.review.page import WriteReview, WriteSubtitleReview
from reelmill.stages.review.waveform import MakeWaveform
from reelmill.testing import check_stage, context_of

RATE = 16_000


def recording(path: Path, name: str) -> Recording:
    return Recording(path, name, path.parent, FileState("a" * 64, "b" * 32, 7, 1))


def audio(folder: Path, samples: np.ndarray) -> Audio:
    (folder / "a.pcm").write_bytes(samples.astype("<i2").tobytes())
    return Audio("a.pcm", RATE, len(samples), 0)


def clicks(seconds: float, times: list[float]) -> np.ndarray:
    """Silence with a short burst at each time."""
    samples = np.zeros(round(seconds * RATE))
    for time in times:
        at = round(time * RATE)
        samples[at : at + 160] = 24_000 * np.sin(np.arange(160) * 1.2)
    return samples


def test_waveform__sound_at_known_times__is_high_there_alone(tmp_path: Path) -> None:
    call = recording(tmp_path / "a.wav", "a")
    made = check_stage(MakeWaveform(), call, Inputs([audio(tmp_path, clicks(70, [3.01, 65.26]))]))
    assert isinstance(made, Waveform) and made.rate == 20
    heights = made.heights()
    assert len(heights) == 1400 and np.flatnonzero(heights).tolist() == [60, 1305]
    assert heights[60] == pytest.approx(255 * np.sqrt(24_000 / 32_768), abs=2)


@pytest.mark.parametrize(("seconds", "count"), [(0, 0), (0.01, 1), (3600, 12_000)])
def test_waveform__any_length__stays_small(tmp_path: Path, seconds: float, count: int) -> None:
    call = recording(tmp_path / "a.wav", "a")
    samples = np.zeros(round(seconds * RATE), "<i2")
    made = MakeWaveform().run(context_of(call), Inputs([audio(tmp_path, samples)]))
    assert len(made.heights()) == count and len(made.peaks) <= 16_004


def test_listening_copy__times__are_those_of_the_original(tmp_path: Path) -> None:
    times = [0.5, 17.25, 39.9]
    call = recording(tmp_path / "통화.amr", "6월/통화")
    stage = MakeListeningCopies(root=tmp_path / "out")
    made = check_stage(stage, call, Inputs([audio(tmp_path, clicks(40, times))]))
    assert isinstance(made, ListeningCopies)
    assert [file.path for file in made.files] == stage.claims("6월/통화") == ["6월/통화.listen.m4a"]
    with av.open(str(tmp_path / "out" / made.files[0].path)) as container:
        assert container.duration / 1e6 == pytest.approx(40, abs=0.07)
        loud = []
        for frame in container.decode(audio=0):
            peaks = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.2)
            loud += [frame.time + peaks[0] / RATE] if len(peaks) else []
    starts = [
        time for time, before in zip(loud, [-1.0, *loud], strict=False) if time - before > 0.1
    ]
    assert starts == pytest.approx(times, abs=0.004)


def test_listening_copy__a_recording_without_sound__is_a_file_that_opens(tmp_path: Path) -> None:
    call = recording(tmp_path / "a.wav", "a")
    stage = MakeListeningCopies(root=tmp_path)
    stage.run(context_of(call), Inputs([audio(tmp_path, np.zeros(0))]))
    with av.open(str(tmp_path / "a.listen.m4a")) as container:
        assert len(container.streams.audio) == 1


def said(text: str, start: float, speaker: str | None = "A") -> Segment:
    words = [Word(start, start + 1, text, 0.9, "aligned", speaker)]
    return Segment(start, start + 1, text, -0.1, 0, 1, 0, words, speaker)


def test_page__names_and_lines__are_those_of_the_other_results(tmp_path: Path) -> None:
    damage = Finding("truncated", text="the end is missing", severity="warning")
    transcript = Transcript(
        "ko", 1, "base", 9, 8, [said("네", 1), said("아니요", 3, "B")], [damage]
    )
    (tmp_path / "calls").mkdir()
    call = recording(tmp_path / "calls" / "통화 1.m4a", "6월/통화 1")
    stage = WriteReview(tmp_path / "out", "ko", names=(SpeakerName("A", "김"),))
    media = Media("mp4", 9, [], [VideoTrack(0, "h264", 2, 2, 25, 9)])
    made = check_stage(stage, call, Inputs([transcript, media]))
    assert isinstance(made, ReviewPage) and made.speakers == ["김", "B"]
    found = [(line.kind, line.start, line.speaker, line.text) for line in made.lines]
    assert found == [
        ("speech", 1, "김", "네"),
        ("speech", 3, "B", "아니요"),
        ("finding", None, None, "truncated: the end is missing"),
    ]
    page = (tmp_path / "out" / "6월" / "통화 1.html").read_text("utf-8")
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert data["sources"] == [{"href": "../../calls/%ED%86%B5%ED%99%94%201.m4a"}]
    assert data["kind"] == "video" and "a" * 64 in page and '<html lang="ko">' in page


def test_subtitle_page__has_the_translations_below_the_sentences(tmp_path: Path) -> None:
    transcript = Transcript("ja", 1, "base", 9, 8, [said("はい", 1, None)])
    sentences = Sentences("ja", 9, [Sentence(1, 2, "はい", [], None)])
    translated = TranslatedSentence("네 <b>", "translated")
    translations = Translations("ja", "nllb", {"ko": [translated]}, ["a note"])
    call = recording(tmp_path / "film.mkv", "film")
    stage = WriteSubtitleReview(tmp_path, "en")
    made = check_stage(stage, call, Inputs([transcript, sentences, translations]))
    assert isinstance(made, ReviewPage)
    assert [line.text for line in made.lines] == ["はい", "네 <b>"]
    page = (tmp_path / "film.subtitles.html").read_text("utf-8")
    assert '<p class="translation" lang="ko" dir="auto">네 &lt;b&gt;</p>' in page
    assert "nllb" in page and "a note" in page
