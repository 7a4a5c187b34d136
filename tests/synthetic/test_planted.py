"""Calls with planted sentences: everybody's words are where the truth says."""

import shutil

import numpy as np
import pytest
import soundfile

from synthetic import flite, planted

pytestmark = pytest.mark.skipif(
    shutil.which("espeak-ng") is None or not flite.available(), reason="needs espeak-ng and flite"
)


@pytest.mark.parametrize("language", ["en", "ko", "ja"])
def test_each_category_has_sentences_and_lookalikes_in_both_halves(language):
    halves: tuple[planted.Half, ...] = ("tune", "held_out")
    for half in halves:
        found = planted.planted(language, half)
        categories = [one.category for one in found if one.category]
        assert len(set(categories)) == 10
        assert all(categories.count(category) >= 5 for category in categories)
        assert sum(one.category is None for one in found) >= 35
        assert len({one.text for one in found}) == len(found)


def test_a_call_has_each_sentence_where_its_truth_says(tmp_path, monkeypatch):
    few = planted.planted("en", "tune")[:3]
    monkeypatch.setattr(planted, "planted", lambda language, half: list(few))
    (file,) = planted.make_calls("en", "tune", tmp_path)
    said = planted.read_truth(file)
    samples, rate = soundfile.read(file)
    assert sorted(one.text for one in said) == sorted(one.text for one in few)
    for one in said:
        assert one.words[0].start == one.start and one.words[-1].end <= one.end + 0.002
        inside = samples[int(one.start * rate) : int(one.end * rate)]
        before = samples[int((one.start - 0.5) * rate) : int((one.start - 0.05) * rate)]
        assert np.sqrt(np.mean(inside**2)) > 30 * np.sqrt(np.mean(before**2))
