"""Films to be subtitled show and sound what their truth says."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from synthetic import espeak
from synthetic.films import Film, FilmPlan, make_film, write_film
from synthetic.synth import RATE
from synthetic.voices import Voice

PLAN = FilmPlan(
    "test", (Voice("m6"), Voice("f3")), sentences=2, silence=1.0, width=160, height=96, rate=10
)
pytestmark = pytest.mark.skipif(not espeak.available(), reason=espeak.REMEDY)


@pytest.fixture(scope="module")
def film() -> Film:
    return make_film(PLAN)


def loudness(film: Film, start: float, end: float) -> float:
    return float(np.sqrt(np.mean(film.samples[int(start * RATE) : int(end * RATE)] ** 2)))


def test_speech_of_films_is_at_the_true_times(film: Film) -> None:
    first, second = (line.utterance for line in film.lines)
    assert (first.speaker, second.speaker) == ("A", "B")
    assert second.start - first.end >= 1.5
    spoken = [loudness(film, one.start, one.end) for one in (first, second)]
    assert min(spoken) > 20 * loudness(film, first.end + 0.1, second.start - 0.1)
    assert all(line.translations.keys() == {"ko", "en"} for line in film.lines)
    assert np.array_equal(make_film(PLAN).samples, film.samples)


def test_the_lamp_of_the_speaker_is_lit(film: Film, tmp_path: Path) -> None:
    write_film(tmp_path / "영화.mp4", film, tmp_path / "truth.json")
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["file"] == "영화.mp4"
    with av.open(str(tmp_path / "영화.mp4")) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == int(film.duration * 10)
    for line, said in zip(film.lines, truth["utterances"], strict=True):
        assert said["translations"] == line.translations
        middle = pictures[int(5 * (said["start"] + said["end"]))].max(2)
        lamps = [int(middle[34, int(160 * across)]) for across in (0.3, 0.7)]
        assert (lamps[0] > 150, lamps[1] > 150) == (said["speaker"] == "A", said["speaker"] == "B")
