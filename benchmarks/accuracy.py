"""Word and character error rates against the truth of a generated corpus."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import jiwer

#: Languages whose errors are counted in characters, because their word spacing varies.
_BY_CHARACTER = ("ko", "ja", "zh")


def normalized(text: str) -> str:
    """Remove differences of case, punctuation and width, which do not count as errors."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (c if c.isalnum() or c in "'ー" else " " for c in folded)
    return " ".join("".join(kept).split())


def error_rates(hypotheses: Mapping[str, str], truths: Mapping[str, Path]) -> dict[str, float]:
    """Percent of errors by language: words for English, characters for Korean and Japanese.

    Both mappings are by file name; a recording without a hypothesis counts as all deleted.
    """
    pairs: dict[str, list[tuple[str, str]]] = {}
    for name, path in truths.items():
        truth = json.loads(path.read_text(encoding="utf-8"))
        said = normalized(" ".join(part["text"] for part in truth["utterances"]))
        heard = normalized(hypotheses.get(name, ""))
        if said:
            pairs.setdefault(truth["language"], []).append((said, heard))
    return {language: _rate(language, found) for language, found in sorted(pairs.items())}


def _rate(language: str, pairs: list[tuple[str, str]]) -> float:
    said, heard = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if language in _BY_CHARACTER:
        said, heard = [s.replace(" ", "") for s in said], [h.replace(" ", "") for h in heard]
        return round(100 * float(jiwer.cer(said, heard)), 3)
    return round(100 * float(jiwer.wer(said, heard)), 3)
