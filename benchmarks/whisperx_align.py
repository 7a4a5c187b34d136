"""WhisperX's align on given texts; runs under the interpreter that has WhisperX, by itself.

    PYTHON benchmarks/whisperx_align.py TASK.json OUT.json

TASK: `model` (a folder for transformers) and `calls`, each with `sound` (a file of float32 samples
at 16 kHz), `language` and `segments` (start, end, text). OUT: `words` of each segment of each call
(text, start, end; NaN where it found none) on emissions as they come, and on `narrow` ones: a
letter that is heard in several frames on end is named in the first only, the others are blank, as
WhisperX's search expects of its aligners. With the CPU seconds of each.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main(task: dict[str, Any]) -> dict[str, Any]:
    import torch
    from nltk.tokenize.punkt import PunktSentenceTokenizer
    from whisperx import alignment

    torch.set_num_threads(1)
    alignment.nltk_load = lambda name: PunktSentenceTokenizer()  # its data are a download
    languages = {call["language"] for call in task["calls"]}
    loaded = {
        language: alignment.load_align_model(language, "cpu", model_name=task["model"])
        for language in languages
    }
    sounds = [np.fromfile(call["sound"], np.float32) for call in task["calls"]]
    result: dict[str, Any] = {}
    for how in ("as they come", "narrow"):
        words, began, cpu = [], time.monotonic(), time.process_time()
        for call, samples in zip(task["calls"], sounds, strict=True):
            network, metadata = loaded[call["language"]]
            model = network.eval() if how == "as they come" else _Narrow(network)
            words.append(
                [_words(alignment, one, model, metadata, samples) for one in call["segments"]]
            )
        result[how] = {
            "words": words,
            "seconds": time.monotonic() - began,
            "cpu_seconds": time.process_time() - cpu,
        }
    return result


class _Narrow:
    """The network with all but the first frame of each run of a letter turned into blank."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def __call__(self, samples: Any) -> Any:
        output = self._network(samples)
        best = output.logits[0].argmax(-1)
        again = (best[1:] == best[:-1]).nonzero().flatten() + 1
        output.logits[0, again, 0] = output.logits[0, again].max(-1).values + 10.0
        return output


def _words(
    alignment: Any, segment: dict[str, Any], model: Any, metadata: Any, samples: Any
) -> list[list[Any]]:
    found = alignment.align([segment], model, metadata, samples, "cpu")
    return [
        [word["word"], float(word.get("start", "nan")), float(word.get("end", "nan"))]
        for sentence in found["segments"]
        for word in sentence["words"]
    ]


if __name__ == "__main__":
    written = main(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(written, ensure_ascii=False), "utf-8")
