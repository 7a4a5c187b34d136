"""The usual way, each step as the script a user would write: one process per step and video.

`python -m benchmarks.subtitle_peers recognize MODEL LANGUAGE VIDEO OUT` writes segments as JSON;
`python -m benchmarks.subtitle_peers translate MODEL LANGUAGE IN OUT` reads them, writes an SRT.
With both in one process, the memory of one would not be free before the other is loaded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

_TARGET = "kor_Hang"
_BEAM = 4


def recognize(model_name: str, language: str, video: str, out: str) -> None:
    from faster_whisper import WhisperModel

    model = WhisperModel(model_name, device="cpu", compute_type="int8")
    # Windows of 30 s, its default: with the 12 s that Reelmill puts into one, cut wherever they
    # end, it takes longer and makes twice as many errors.
    segments, _ = model.transcribe(video, language=language, vad_filter=True, beam_size=5)
    found = [{"start": one.start, "end": one.end, "text": one.text.strip()} for one in segments]
    Path(out).write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


def translate(model_name: str, language: str, segments: str, out: str) -> None:
    import ctranslate2
    from tokenizers import Tokenizer

    from reelmill.models.translation.flores import flores_code

    found = json.loads(Path(segments).read_text(encoding="utf-8"))
    model = ctranslate2.Translator(model_name, device="cpu", compute_type="int8")
    tokenizer = Tokenizer.from_file(str(Path(model_name) / "tokenizer.json"))
    source = flores_code(language, "language")
    pieces = [tokenizer.encode(one["text"], add_special_tokens=False).tokens for one in found]
    results = model.translate_batch(
        [[source, *tokens, "</s>"] for tokens in pieces],
        target_prefix=[[_TARGET]] * len(pieces),
        beam_size=_BEAM,
    )
    lines = []
    for number, (one, result) in enumerate(zip(found, results, strict=True), 1):
        tokens = (tokenizer.token_to_id(token) for token in result.hypotheses[0][1:])
        text = tokenizer.decode([token for token in tokens if token is not None])
        lines.append(f"{number}\n{_clock(one['start'])} --> {_clock(one['end'])}\n{text}\n")
    Path(out).write_text("\n".join(lines), encoding="utf-8")


def _clock(seconds: float) -> str:
    total = round(seconds * 1000)
    return (
        f"{total // 3600000:02}:{total // 60000 % 60:02}:{total // 1000 % 60:02},{total % 1000:03}"
    )


if __name__ == "__main__":
    {"recognize": recognize, "translate": translate}[sys.argv[1]](*sys.argv[2:])
