"""Sounds of kinds that have gone wrong are what they are said to be."""

from __future__ import annotations

import io
import json
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.media.audio.decode import decode
from synthetic.containers import amr_with_pauses, two_links
from synthetic.odd_sounds import SOUNDS, chords
from synthetic.prompts import available
from synthetic.synth import RATE

needs_prompts = pytest.mark.skipif(not available(), reason="Debian's telephone prompts are missing")


def test_pauses_that_are_not_sent_are_in_the_length(tmp_path: Path) -> None:
    path = tmp_path / "call.amr"
    path.write_bytes(amr_with_pauses([(4 * chords(1.0), 3.0), (4 * chords(1.0), 0.5)]))
    sink = io.BytesIO()
    decode(path, sink)
    samples = np.frombuffer(sink.getvalue(), "<i2")
    assert len(samples) / RATE == pytest.approx(5.0, abs=0.6)
    assert np.abs(samples[: RATE // 2]).max() > 1000 > np.abs(samples[2 * RATE : 3 * RATE]).max()


def test_links_have_other_sampling_rates(tmp_path: Path) -> None:
    path = tmp_path / "links.ogg"
    two_links(path, chords(1.0)[None], np.stack([chords(1.0)] * 2))
    data = path.read_bytes()
    rates = []
    for link in (data, data[data.rindex(b"\x01vorbis") - 100 :]):
        at = link.index(b"\x01vorbis")
        rates.append(int.from_bytes(link[at + 12 : at + 16], "little"))
    assert rates == [RATE // 2, RATE]


@needs_prompts
def test_what_is_said_stands_beside(tmp_path: Path) -> None:
    path = tmp_path / "first_silent.mp4"
    SOUNDS[path.name](path)
    said = json.loads((tmp_path / "first_silent.truth.json").read_text("utf-8"))
    assert [language for _, _, language, _ in said] == ["en"] * 4
    with av.open(str(path)) as file:
        assert len(file.streams.audio) == 2
