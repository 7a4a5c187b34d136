"""Tokens and characters of the demo domain, and what a clip is in them."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from synthetic.sentences import LANGUAGES, join_words, sentence

ENTRIES = 51_865
TIMESTAMPS = 1501
_SURVEYED = 60_000
# Voicing marks of kana, which decomposition sets apart, are not letters to Python.
_SIGNS = " '\u3099\u309a"
_CONTROL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|ko|>",
    "<|ja|>",
    "<|transcribe|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)


@dataclass(frozen=True)
class Clip:
    """A training clip: mel powers, tokens, when each token is spoken (frames), characters.

    `spelling` has a character for every frame: those of a word share its time evenly. `words`
    are (text, start, end) with seconds from the clip's begin.
    """

    mel: NDArray[np.float16]
    language: str
    words: Sequence[tuple[str, float, float]]
    tokens: list[int]
    spans: list[tuple[float, float]]
    characters: list[int]
    spelling: NDArray[np.int16]


def characters(text: str) -> str:
    """What CTC spells: letters, kana and the parts of Hangul syllables."""
    parts = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in parts if c.isalpha() or c in _SIGNS).strip()


class Vocabulary:
    """Dense ids for the few tokens the domain uses."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        used: set[int] = set()
        letters: set[str] = set()
        rng = Random(7)
        for _ in range(_SURVEYED):
            drawn = sentence(rng)
            for language in LANGUAGES:
                text = drawn.text(language)
                used.update(self.encode(text, language).ids)
                letters.update(characters(text))
        used.update(tokenizer.token_to_id(name) for name in _CONTROL)
        first_timestamp = tokenizer.token_to_id("<|0.00|>")
        used.update(range(first_timestamp, first_timestamp + TIMESTAMPS))
        self.used = sorted(used)
        self.dense = {token: index for index, token in enumerate(self.used)}
        self.letters = {letter: index + 1 for index, letter in enumerate(sorted(letters))}
        self.first_timestamp = self.dense[first_timestamp]

    def encode(self, text: str, language: str):  # noqa: ANN201 - tokenizers.Encoding is untyped
        """Tokens of a sentence as Whisper writes it: a space goes before it."""
        return self.tokenizer.encode(text if language == "ja" else f" {text}")

    def control(self, name: str) -> int:
        """Dense id of `<|name|>`."""
        return self.dense[self.tokenizer.token_to_id(f"<|{name}|>")]

    def clip(
        self,
        mel: NDArray[np.float16],
        language: str,
        words: Sequence[tuple[str, float, float]],
    ) -> Clip:
        """A clip from its mel powers and timed words."""
        text = join_words([word[0] for word in words], language)
        encoding = self.encode(text, language)
        shift = 0 if language == "ja" else 1
        gap = 0 if language == "ja" else 1
        word_of: list[int] = [0] * shift
        for index, word in enumerate(words):
            word_of += [index] * (len(word[0]) + gap)
        spans = []
        for begin, end in encoding.offsets:
            # A token may start with the space before its word.
            place = max(begin, end - 1)
            word = words[min(word_of[min(place, len(word_of) - 1)], len(words) - 1)]
            spans.append((word[1] * 100, word[2] * 100))
        return Clip(
            mel,
            language,
            words,
            [self.dense[token] for token in encoding.ids],
            spans,
            self._letters(text),
            self._spelling(len(mel), words),
        )

    def part(self, clip: Clip, first: int, last: int) -> Clip | None:
        """Words `first` to `last` of a clip, or None where they make unused tokens or no sound."""
        words = clip.words[first:last]
        text = join_words([word[0] for word in words], clip.language)
        if any(token not in self.dense for token in self.encode(text, clip.language).ids):
            return None
        begin = words[0][1]
        end = len(clip.mel) / 100 if last == len(clip.words) else words[-1][2]
        if end - begin < 0.1:
            return None
        moved = [(word, start - begin, stop - begin) for word, start, stop in words]
        return self.clip(clip.mel[int(begin * 100) : int(end * 100)], clip.language, moved)

    def _letters(self, text: str) -> list[int]:
        return [self.letters[letter] for letter in characters(text) if letter in self.letters]

    def _spelling(
        self, frames: int, words: Sequence[tuple[str, float, float]]
    ) -> NDArray[np.int16]:
        spelling = np.zeros(frames, np.int16)
        for word, start, end in words:
            letters = np.array(self._letters(word))
            begin, stop = int(start * 100), min(int(end * 100), frames)
            if len(letters) and stop > begin:
                at = np.arange(stop - begin) * len(letters) // (stop - begin)
                spelling[begin:stop] = letters[at]
        return spelling
