"""The continuous speech of each speaker, as a text whose characters have times."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from reelmill.artifacts import Segment, Transcript
from reelmill.core.text import UNSPACED
from reelmill.core.word_places import word_places

#: After a longer pause, s, a speaker starts a new text.
_LONGEST_PAUSE = 2.5
#: A pause, s, after which a sentence may have ended.
_REST = 0.5


@dataclass(frozen=True)
class Piece:
    """Characters up to `end` of a text, said from `begins` to `stops`, in seconds."""

    end: int
    begins: float
    stops: float
    probability: float | None


@dataclass
class TurnText:
    """Segments of one speaker in one language, joined as far as no long pause parts them."""

    language: str
    speaker: str | None
    text: str = ""
    pieces: list[Piece] = field(default_factory=list)
    until: float = 0.0

    def add(self, segment: Segment) -> None:
        """Append a segment."""
        said = segment.text.strip()
        if self.text:
            self.text += "" if self.language in UNSPACED else " "
        offset = len(self.text)
        self.text += said
        self.pieces += _pieces(segment, said, offset)
        self.until = segment.end

    @property
    def rests(self) -> list[int]:
        """The places in the text where the speaker paused."""
        return [
            before.end
            for before, after in pairwise(self.pieces)
            if after.begins - before.stops >= _REST and before.end < after.end
        ]

    def times(self, start: int, end: int) -> tuple[float, float, float | None]:
        """From the first to the last word of these characters, with the lowest probability.

        Recognizers of languages without spaces write the first syllables after a pause at the end
        of the word before it: what begins within such a word begins after the pause.
        """
        first = self._piece_at(start)
        last = max(first, self._piece_at(end - 1))
        if first < last and self._is_within(start, first) and self.pieces[first].end in self.rests:
            first += 1
        said = self.pieces[first : last + 1]
        known = [one.probability for one in said if one.probability is not None]
        begins, stops = said[0].begins, max(one.stops for one in said)
        if self.language in UNSPACED:
            begins = max(begins, self._within(start, first))
            stops = min(stops, self._within(end, last))
        return begins, stops, min(known) if known else None

    def _within(self, character: int, piece: int) -> float:
        """When a character begins, by its place among the letters of its piece."""
        one = self.pieces[piece]
        begins = self.pieces[piece - 1].end if piece else 0
        letters = sum(map(str.isalnum, self.text[begins : one.end]))
        before = sum(map(str.isalnum, self.text[begins : max(character, begins)]))
        return one.begins + (one.stops - one.begins) * before / max(letters, 1)

    def _is_within(self, character: int, piece: int) -> bool:
        """Whether a piece has other characters before this one."""
        begins = self.pieces[piece - 1].end if piece else 0
        return bool(self.text[begins:character].strip())

    def _piece_at(self, character: int) -> int:
        ends = [piece.end for piece in self.pieces]
        return min(bisect_left(ends, character + 1), len(ends) - 1)


def turn_texts(transcript: Transcript) -> Iterator[TurnText]:
    """The texts of a transcript, in order of their ends. Speech of others in between does not
    divide a text."""
    going: dict[tuple[str | None, str | None, str], TurnText] = {}
    for segment in transcript.segments:
        if not segment.text.strip():
            continue
        language = transcript.language_of(segment)
        whose = segment.speaker, segment.channel, language
        turn = going.get(whose)
        if turn is not None and segment.start - turn.until > _LONGEST_PAUSE:
            yield going.pop(whose)
            turn = None
        if turn is None:
            turn = going[whose] = TurnText(language, segment.speaker)
        turn.add(segment)
    yield from going.values()


def _pieces(segment: Segment, said: str, offset: int) -> Iterator[Piece]:
    """The words of a segment; where they have no times, what lies between its own by length."""
    if segment.words:
        places = word_places(said, [word.text for word in segment.words])
        for word, place in zip(segment.words, places, strict=True):
            end = offset + place + len(word.text)
            yield Piece(end, word.start, word.end, word.score)
        return
    yield from _by_length(said.split(), said, segment, offset)


def _by_length(words: Sequence[str], said: str, segment: Segment, offset: int) -> Iterator[Piece]:
    seconds = (segment.end - segment.start) / len(said)
    for word, place in zip(words, word_places(said, words), strict=True):
        begins = segment.start + seconds * place
        yield Piece(offset + place + len(word), begins, begins + seconds * len(word), None)
