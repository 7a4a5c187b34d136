"""Speak training sentences in training voices and store their samples and word times in shards.

python training/align/synthesize.py OUT --shards 0 6

A shard is `NNN.npy`, the 16-bit samples of all clips one after the other, and `NNN.json`: for
each clip its language, its length in samples and its words with start and end in seconds.
"""

import argparse
import json
from pathlib import Path
from random import Random

import numpy as np

from synthetic.sentences import training_sentence
from synthetic.synth import synthesize
from synthetic.voices import random_voice

CLIPS_PER_SHARD = 800
LANGUAGE_WEIGHTS = {"en": 0.4, "ko": 0.32, "ja": 0.28}


def make_shard(folder: Path, number: int) -> None:
    """One shard; the same number gives the same clips."""
    rng = Random(f"align-{number}")
    clips, sounds = [], []
    for _ in range(CLIPS_PER_SHARD):
        language = rng.choices(list(LANGUAGE_WEIGHTS), list(LANGUAGE_WEIGHTS.values()))[0]
        words = training_sentence(rng).words[language]
        clip = synthesize(words, language, random_voice(rng))
        sounds.append(np.round(clip.samples * 32767).astype(np.int16))
        times = [(word.text, word.start, word.end) for word in clip.words]
        clips.append({"language": language, "words": times, "samples": len(sounds[-1])})
    np.save(folder / f"{number:03}.npy", np.concatenate(sounds))
    # Written last: a shard without it is not finished.
    (folder / f"{number:03}.json").write_text(json.dumps(clips, ensure_ascii=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shards", type=int, nargs=2, default=(0, 6), metavar=("FROM", "TO"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number in range(*arguments.shards):
        make_shard(arguments.out, number)
        print("shard", number, flush=True)


if __name__ == "__main__":
    main()
