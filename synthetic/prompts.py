"""Debian's telephone prompts: five people in five languages, with what they say.

Packages asterisk-core-sounds-{en,es,fr,it,ru}-wav, and for the texts those without `-wav`. The
texts have small errors of their own.
"""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterator
from pathlib import Path

import soundfile

from synthetic.synth import RATE, Samples, resample

#: The person who speaks each language.
VOICES = {
    "en": "en_US_f_Allison",
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "it": "it_IT_m_Carlo",
    "ru": "ru_RU_f_IvrvoiceRU",
}
_SOUNDS = Path("/usr/share/asterisk/sounds")
_TEXTS = Path("/usr/share/doc")
_FEWEST_WORDS, _MOST_WORDS = 5, 14


def available() -> bool:
    """Whether the packages are installed."""
    return all(any(_listing(language)) for language in VOICES)


def prompts(language: str, most_words: int | None = None) -> Iterator[tuple[Path, str]]:
    """The prompts of a language with five words or more, and their texts."""
    listing = next(_listing(language))
    raw = listing.read_bytes()
    text = (gzip.decompress(raw) if listing.suffix == ".gz" else raw).decode("utf-8", "replace")
    for line in text.splitlines():
        match = re.match(r"([\w/.-]+):\s*(.+)", line)
        if match is None or re.search(r"[\[\](){}<>\ufffd]", match[2]):
            continue
        file = _SOUNDS / VOICES[language] / f"{match[1]}.wav"
        words = len(match[2].split())
        if _FEWEST_WORDS <= words <= (most_words or words) and file.is_file():
            yield file, match[2].strip()


def _listing(language: str) -> Iterator[Path]:
    return (_TEXTS / f"asterisk-core-sounds-{language}").glob("core-sounds-*.txt*")


def spoken(language: str, count: int, seed: int = 1) -> list[tuple[Samples, str]]:
    """Some short prompts of a language, as `sound` gives them, and their texts."""
    chosen = random.Random(f"{language} {seed}").sample(list(prompts(language, _MOST_WORDS)), count)
    return [(sound(file), text) for file, text in chosen]


def sound(file: Path) -> Samples:
    """A prompt without the silence around it, at 16 kHz."""
    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    mono = resample(samples.mean(axis=1), rate, RATE)
    loud = (abs(mono) > 0.01).nonzero()[0]
    return mono[loud[0] : loud[-1] + 1] if len(loud) else mono
