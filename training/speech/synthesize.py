"""Speak training sentences in training voices and store their mel powers in shards.

python training/speech/synthesize.py OUT --shards 0 12
"""

import argparse
import json
from pathlib import Path
from random import Random

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from synthetic.sentences import training_sentence
from synthetic.synth import Samples, synthesize
from synthetic.voices import random_voice

CLIPS_PER_SHARD = 1200
LANGUAGE_WEIGHTS = {"en": 0.42, "ko": 0.3, "ja": 0.28}
N_FFT, HOP = 400, 160
FLOOR = 1e-10


def mel_powers(samples: Samples, filters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log10 mel powers, [frames, 80]: Whisper's features before their normalization."""
    padded = np.pad(samples, (N_FFT // 2, N_FFT // 2 + HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
    powers = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    mel = powers.astype(np.float32) @ filters.T
    result: NDArray[np.float32] = np.log10(np.maximum(mel, FLOOR))
    return result


def make_shard(folder: Path, number: int) -> None:
    """One shard: `NNN.npy` with the frames of all clips, `NNN.json` with what they say."""
    rng = Random(1000 + number)
    filters = FeatureExtractor().mel_filters.astype(np.float32)
    clips, mels = [], []
    for _ in range(CLIPS_PER_SHARD):
        language = rng.choices(list(LANGUAGE_WEIGHTS), list(LANGUAGE_WEIGHTS.values()))[0]
        words = training_sentence(rng).words[language]
        clip = synthesize(words, language, random_voice(rng))
        mel = mel_powers(clip.samples, filters).astype(np.float16)
        mels.append(mel)
        times = [(word.text, word.start, word.end) for word in clip.words]
        clips.append({"language": language, "words": times, "frames": len(mel)})
    np.save(folder / f"{number:03}.npy", np.concatenate(mels))
    # Written last: a shard without it is not finished.
    (folder / f"{number:03}.json").write_text(json.dumps(clips, ensure_ascii=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shards", type=int, nargs=2, default=(0, 24), metavar=("FROM", "TO"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number in range(*arguments.shards):
        make_shard(arguments.out, number)
        print("shard", number, flush=True)


if __name__ == "__main__":
    main()
