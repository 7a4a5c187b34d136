"""Features equal faster-whisper's."""

import numpy as np
import pytest
from faster_whisper.audio import pad_or_trim as their_pad_or_trim
from faster_whisper.feature_extractor import FeatureExtractor

from reelmill.models.whisper.features import log_mel, pad_or_trim


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("samples", [480_000, 80_077, 16_000, 799, 200, 41, 1])
def test_features_equal_those_of_faster_whisper(n_mels, samples):
    # proves: V3
    rng = np.random.default_rng(samples)
    sound = (0.1 * rng.standard_normal(samples)).astype(np.float32)

    ours = log_mel(sound, n_mels)

    theirs = FeatureExtractor(feature_size=n_mels)(sound)[..., :-1]
    assert ours.shape == theirs.shape == (n_mels, samples // 160)
    assert ours.dtype == np.float32
    assert ours.flags.c_contiguous
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 1e-6, 1.0])
def test_features_work_at_any_level(level):
    sound = np.full(16_000, level, np.float32)
    theirs = FeatureExtractor()(sound)[..., :-1]
    np.testing.assert_allclose(log_mel(sound), theirs, atol=1e-4)


def test_features_do_not_change_their_input():
    sound = np.ones(16_000, np.float32)
    sound.flags.writeable = False
    log_mel(sound)


@pytest.mark.parametrize("frames", [0, 1, 2999, 3000, 3001])
def test_features_are_padded_or_trimmed(frames):
    features = np.ones((80, frames), np.float32)
    np.testing.assert_array_equal(pad_or_trim(features), their_pad_or_trim(features))
