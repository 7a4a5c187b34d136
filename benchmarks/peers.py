"""The peers, each as the script a user would write.

`python -m benchmarks.peers HOW MODEL OUT FILE...` writes OUT, a JSON object of file name to text.
HOW is `loop` (faster-whisper file by file; `loop:en` in that language), `batched` (its own batched
pipeline as it comes, file by file, without timestamps) or `batched-timestamps`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path


def speech_seconds(folder: Path) -> int | None:
    """What the model's folder asks us to put into a window, so that peers get the same option."""
    with contextlib.suppress(OSError):
        settings = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
        return settings.get("speech_seconds")
    return None


def main(how: str, model_name: str, out: str, files: list[str]) -> None:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    window = speech_seconds(Path(model_name))
    model = WhisperModel(
        model_name, device="cpu", compute_type="int8", cpu_threads=os.cpu_count() or 1
    )
    batched = BatchedInferencePipeline(model)
    texts = {}
    for file in files:
        if how.startswith("batched"):
            segments, _ = batched.transcribe(
                file,
                batch_size=20,
                without_timestamps=how == "batched",
                chunk_length=window,
            )
        else:
            _, _, language = how.partition(":")
            segments, _ = model.transcribe(
                file, vad_filter=True, chunk_length=window, language=language or None
            )
        texts[Path(file).name] = " ".join(segment.text.strip() for segment in segments)
    Path(out).write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
