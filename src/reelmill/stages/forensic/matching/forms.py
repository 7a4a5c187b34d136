"""Forms: descriptions of sentences in a pattern file, as sequences of words.

A form is not a regular expression. It is compiled into a few kinds of parts and matched by
following sets of positions (as in Thompson's construction), so that the work is bounded by the
length of the form times the length of the sentence, whatever a file contains.

    kill            the word, in any case
    ~kill           the word in any inflection (a dictionary form)
    죽이/VV  /EF     a morpheme with its tag; anything with that tag
    (a|b c)         one of several; each may have several words
    word?           may be missing; also `(a|b)?`
    @name           one of the words listed under that name
    @name/命令形     one of them whose last word, given by its dictionary form, has this tag
    ... ...5        up to 3 (5) words of any kind
    !word           the next word is not this one
    ^  $            the beginning, the end of the sentence
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reelmill.stages.forensic.matching.tokens import Sentence, Token, folded

#: Limits on forms in a file.
MAX_FORM = 2000
MAX_PARTS = 4000
MAX_GAP = 12
MAX_DEPTH = 8
_DEFAULT_GAP = 3
#: Fillers and negations in a row between two words of a form.
_MOST_SKIPPED = 4
_PIECE = re.compile(r"\s*(\.\.\.\d*|[()|?!^$]|@[\w-]+(?:/\w+)?|[^\s()|?!]+)")

#: A position in a sentence, and whether something negating was passed on the way.
State = tuple[int, bool]
Words = Mapping[str, Sequence[str]]
Spellings = Callable[[str], frozenset[str]]


class FormError(ValueError):
    """A form that cannot be read; the message says why."""


@dataclass(frozen=True)
class Word:
    """A token that has one of these keys."""

    keys: frozenset[str]


@dataclass(frozen=True)
class Gap:
    """Up to `most` words of any kind."""

    most: int


@dataclass(frozen=True)
class Not:
    """The next word has none of these keys."""

    keys: frozenset[str]


@dataclass(frozen=True)
class Edge:
    """The beginning of the sentence, or its end."""

    at_end: bool


@dataclass(frozen=True)
class Choice:
    """One of several sequences, or nothing where it is optional. `name` is the list that they are
    from, for a list that stands in the form itself."""

    ways: tuple[tuple[Part, ...], ...]
    optional: bool = False
    name: str = ""


Part = Word | Gap | Not | Edge | Choice


@dataclass(frozen=True)
class Form:
    """A compiled form, with the text it was compiled from."""

    text: str
    parts: tuple[Part, ...]
    #: The keys that its first word may have.
    firsts: frozenset[str]
    #: Sets of keys of each of which a sentence must have one to match.
    needed: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True)
class Skipped:
    """What may stand between the words of a form: `fillers`, and what negates it. A gap may hold
    `endings`, which negate the verb before them; of a negator in it the verb of the form follows.
    """

    fillers: frozenset[str] = frozenset()
    negators: tuple[tuple[Word, ...], ...] = ()
    endings: tuple[tuple[Word, ...], ...] = ()


@dataclass(frozen=True)
class Found:
    """Tokens `first` to `last` of a sentence, both included."""

    first: int
    last: int
    negated: bool = False


class Lists:
    """The lists that `@name` refers to in the forms of a file. Each is read once."""

    def __init__(self, words: Words) -> None:
        self.words = words
        #: The part that a list stands for, and how many words it has with its own lists.
        self.read: dict[str, tuple[Part, int]] = {}


@dataclass
class _Room:
    """How many words a form may still have, those of its lists included."""

    left: int = MAX_PARTS

    def take(self, count: int = 1) -> None:
        self.left -= count
        if self.left < 0:
            raise FormError(f"more than {MAX_PARTS} words with its lists: make several forms of it")


def compile_form(text: str, words: Words | Lists, spellings: Spellings) -> Form:
    """Read a form.

    Args:
        text: the form.
        words: the lists that `@name` refers to; as `Lists` they are read once for several forms.
        spellings: the keys that a written key stands for in the language.

    Raises:
        FormError: it is not a form.
    """
    if len(text) > MAX_FORM:
        raise FormError(f"longer than {MAX_FORM} characters: make several forms of it")
    lists = words if isinstance(words, Lists) else Lists(words)
    reader = _Reader(_pieces(text), lists, spellings, _Room())
    parts = reader.sequence(depth=0)
    if reader.piece is not None:
        raise FormError(f"{reader.piece!r} without its opening bracket")
    firsts = frozenset(_firsts(parts) or ())
    if not firsts:
        raise FormError("it begins with a gap, or has no word that must be there")
    return Form(text, parts, firsts, tuple(dict.fromkeys((firsts, *_needed(parts)))))


class Walk:
    """Matches forms with a sentence, by following sets of states through it."""

    def __init__(self, sentence: Sentence, skipped: Skipped) -> None:
        self._tokens = sentence.tokens
        self._skipped = skipped
        #: The places of the tokens that have a key.
        self.places: dict[str, list[int]] = {}
        for at, token in enumerate(sentence.tokens):
            for key in token.keys:
                self.places.setdefault(key, []).append(at)
        # Which states follow a token does not depend on the form.
        self._following: dict[int, list[tuple[int, bool]]] = {}
        self._negators: dict[int, bool] = {}

    def can_match(self, form: Form) -> bool:
        """Whether the sentence has a word at least of all that a form needs."""
        places = self.places.keys()
        return not any(keys.isdisjoint(places) for keys in form.needed)

    def starts(self, form: Form) -> list[int]:
        """Where a form may begin."""
        return sorted({at for key in form.firsts & self.places.keys() for at in self.places[key]})

    def match(self, form: Form, at: int) -> Found | None:
        """The shortest match of a form that begins with token `at`."""
        ends = self.sequence(form.parts, {(at, False)}, start=True)
        ends = {end for end in ends if end[0] > at}
        if not ends:
            return None
        last, negated = min(ends)
        return Found(at, last - 1, negated)

    def slots(self, form: Form, found: Found) -> tuple[tuple[str, int, int], ...]:
        """Which tokens of a match the lists of its form stand for: name, first and last token.
        Of several ways to read the match, that with the shortest last words is taken."""
        if not any(isinstance(part, Choice) and part.name for part in form.parts):
            return ()
        before = [{(found.first, False)}]
        for index, part in enumerate(form.parts):
            before.append(self._step(part, before[-1], start=index == 0))
        end, filled = (found.last + 1, found.negated), []
        for index in reversed(range(len(form.parts))):
            part, after = form.parts[index], end
            end = max(
                state for state in before[index] if after in self._step(part, {state}, index == 0)
            )
            if isinstance(part, Choice) and part.name and end[0] < after[0]:
                own = (at for at in range(end[0], after[0]) if self._counts(self._tokens[at]))
                filled.append((part.name, next(own, end[0]), after[0] - 1))
        return tuple(reversed(filled))

    def sequence(self, parts: Sequence[Part], states: set[State], start: bool) -> set[State]:
        for part in parts:
            if not states:
                return states
            states = self._step(part, states, start)
            start = False
        return states

    def _step(self, part: Part, states: set[State], start: bool) -> set[State]:
        if isinstance(part, Choice):
            found = {state for way in part.ways for state in self.sequence(way, states, start)}
            return found | states if part.optional else found
        if isinstance(part, Gap):
            return self._gap(part.most, states | self._passed(states))
        reached = states if start else self._passed(states)
        if isinstance(part, Word):
            return {(at + 1, no) for at, no in reached if self._has(at, part.keys)}
        if isinstance(part, Not):
            return {(at, no) for at, no in reached if not self._has(at, part.keys)}
        if part.at_end:
            return {(at, no) for at, no in states | reached if self._ends(at)}
        return {(at, no) for at, no in states if self._begins(at)}

    def _ends(self, at: int) -> bool:
        return at == len(self._tokens) or self._tokens[at].kind == "rest"

    def _begins(self, at: int) -> bool:
        """Whether nothing that counts comes before it since the last rest."""
        for token in reversed(self._tokens[:at]):
            if token.kind == "rest":
                return True
            if self._counts(token):
                return False
        return True

    def _counts(self, token: Token) -> bool:
        return token.kind == "word" and self._skipped.fillers.isdisjoint(token.keys)

    def _has(self, at: int, keys: frozenset[str]) -> bool:
        return at < len(self._tokens) and not keys.isdisjoint(self._tokens[at].keys)

    def _gap(self, most: int, states: set[State]) -> set[State]:
        """States up to `most` words on; a gap does not reach over a pause."""
        reached, edge = set(states), states
        for _ in range(most):
            edge = {
                (at + 1, no or self._is_negator(at))
                for at, no in edge
                if at < len(self._tokens) and self._tokens[at].kind == "word"
            } - reached
            reached |= edge
        return reached

    def _passed(self, states: set[State]) -> set[State]:
        """The states, and those after fillers, pauses and negations."""
        reached, edge = set(states), states
        for _ in range(_MOST_SKIPPED):
            edge = {after for state in edge for after in self._after(state)} - reached
            if not edge:
                break
            reached |= edge
        return reached

    def _after(self, state: State) -> Iterator[State]:
        at, no = state
        following = self._following.get(at)
        if following is None:
            following = self._following[at] = list(self._behind(at))
        return ((then, no or negates) for then, negates in following)

    def _behind(self, at: int) -> Iterator[tuple[int, bool]]:
        """Where one may go on from a token without a word of the form, and whether what is passed
        negates."""
        if at >= len(self._tokens):
            return
        if not self._counts(self._tokens[at]):
            yield at + 1, False
        for length in self._lengths((*self._skipped.negators, *self._skipped.endings), at):
            yield at + length, True

    def _is_negator(self, at: int) -> bool:
        if at not in self._negators:
            self._negators[at] = any(self._lengths(self._skipped.negators, at))
        return self._negators[at]

    def _lengths(self, sequences: Sequence[tuple[Word, ...]], at: int) -> Iterator[int]:
        """The lengths of those sequences that stand at a token."""
        for sequence in sequences:
            if all(self._has(at + index, word.keys) for index, word in enumerate(sequence)):
                yield len(sequence)


class _Reader:
    """Reads a sequence of parts from the pieces of a form. `room` counts the parts that it may
    still have, lists within lists included."""

    def __init__(
        self, pieces: Sequence[str], lists: Lists, spellings: Spellings, room: _Room
    ) -> None:
        self._rest = iter(pieces)
        self._lists, self._spellings, self._room = lists, spellings, room
        #: The next piece.
        self.piece = next(self._rest, None)

    def _take(self) -> str:
        piece = self.piece
        if piece is None:
            raise FormError("it ends where a word is expected")
        self.piece = next(self._rest, None)
        return piece

    def sequence(self, depth: int) -> tuple[Part, ...]:
        if depth > MAX_DEPTH:
            raise FormError(f"brackets and @names nested more than {MAX_DEPTH} deep")
        parts: list[Part] = []
        while self.piece is not None and self.piece not in "|)":
            parts.append(self._part(depth))
        return tuple(parts)

    def _part(self, depth: int) -> Part:
        piece = self._take()
        self._room.take()
        if piece == "?":
            raise FormError("a ? stands behind a word or a bracket")
        if piece in ("^", "$"):
            return Edge(piece == "$")
        if piece.startswith("..."):
            return Gap(_gap_of(piece))
        if piece == "!":
            return Not(self._keys_of(self._take(), depth))
        if piece == "(":
            part: Part = Choice(self._ways(depth + 1))
        elif piece.startswith("@"):
            part = self._listed(piece, depth + 1)
        else:
            part = Word(self._spelled(piece))
        if self.piece == "?":
            self._take()
            part = replace(_as_choice(part), optional=True)
        if piece[0] == "@" and not depth:
            return replace(_as_choice(part), name=piece[1:].partition("/")[0])
        return part

    def _ways(self, depth: int) -> tuple[tuple[Part, ...], ...]:
        ways = []
        while True:
            way = self.sequence(depth)
            if not way:
                raise FormError("an alternative is empty: write (a|b)? for what may be missing")
            ways.append(way)
            if self._take_closing():
                return _joined(ways)

    def _take_closing(self) -> bool:
        if self.piece is None:
            raise FormError("a bracket is not closed")
        return self._take() == ")"

    def _listed(self, piece: str, depth: int) -> Part:
        name = piece[1:]
        if name in self._lists.read:
            part, count = self._lists.read[name]
            self._room.take(count)
            return part
        left = self._room.left
        part = self._read_list(piece, name, depth)
        self._lists.read[name] = part, left - self._room.left
        return part

    def _read_list(self, piece: str, name: str, depth: int) -> Part:
        words = self._lists.words
        name, _, tag = name.partition("/")
        if name not in words:
            known = ", ".join(sorted(words)) or "none"
            raise FormError(f"{piece}: no such list under [words] (there are: {known})")
        ways = []
        for entry in _tagged(words[name], tag) if tag else words[name]:
            reader = _Reader(_pieces(entry), self._lists, self._spellings, self._room)
            way = reader.sequence(depth)
            if reader.piece is not None or not way:
                raise FormError(f"{piece}: {entry!r} under [words] is no sequence of words")
            ways.append(way)
        if not ways:
            raise FormError(f"{piece}: the list is empty, or no word of it can have the tag")
        joined = _joined(ways)
        return joined[0][0] if len(joined) == 1 and len(joined[0]) == 1 else Choice(joined)

    def _keys_of(self, piece: str, depth: int) -> frozenset[str]:
        if piece == "(":
            part: Part = Choice(self._ways(depth + 1))
        else:
            part = self._listed(piece, depth + 1) if piece[0] == "@" else Word(self._spelled(piece))
        if isinstance(part, Choice) and len(part.ways) == 1 and len(part.ways[0]) == 1:
            part = part.ways[0][0]
        if not isinstance(part, Word):
            raise FormError(f"!{piece}: give a single word, or several single ones in brackets")
        return part.keys

    def _spelled(self, piece: str) -> frozenset[str]:
        if piece in ("~", "/") or not piece.strip("~/"):
            raise FormError(f"{piece!r} is no word")
        return self._spellings(folded(piece) if "/" not in piece else piece)


def _as_choice(part: Part) -> Choice:
    return part if isinstance(part, Choice) else Choice(((part,),))


def _pieces(text: str) -> list[str]:
    pieces, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            raise FormError(f"{text[at:].strip()!r} cannot be read")
        if at and match.start(1) == at and text[at - 1] == ")" and match[1][0] in "/~@":
            raise FormError(f"{match[1]} behind a bracket: give the tag with each word in it")
        pieces.append(match[1])
        at = match.end()
    return pieces


def _tagged(entries: Sequence[str], tag: str) -> Iterator[str]:
    """Those entries of a list that end in a dictionary form, with a tag behind it."""
    for entry in entries:
        last = _pieces(entry)[-1]
        if last[0] in "~@" and "/" not in last:
            yield f"{entry.rstrip()}/{tag}"


def _gap_of(piece: str) -> int:
    most = int(piece[3:] or _DEFAULT_GAP) if len(piece) < 8 else MAX_GAP + 1
    if not 1 <= most <= MAX_GAP:
        raise FormError(f"{piece}: a gap is 1 to {MAX_GAP} words")
    return most


def _joined(ways: Sequence[tuple[Part, ...]]) -> tuple[tuple[Part, ...], ...]:
    """The ways, with those of a single word as one."""
    keys: frozenset[str] = frozenset()
    others = []
    for way in ways:
        if len(way) == 1 and isinstance(way[0], Word):
            keys |= way[0].keys
        else:
            others.append(way)
    return (*([(Word(keys),)] if keys else []), *others)


def _needed(parts: Sequence[Part]) -> Iterator[frozenset[str]]:
    """The keys of each word that must be there, and of the first words of alternatives."""
    for part in parts:
        if isinstance(part, Word):
            yield part.keys
        elif isinstance(part, Choice) and not part.optional:
            firsts = [_firsts(way) for way in part.ways]
            if None not in firsts:
                yield frozenset().union(*(keys for keys in firsts if keys is not None))


def _firsts(parts: Sequence[Part]) -> set[str] | None:
    """The keys of the first word; None where that may be any word, or none is needed."""
    keys: set[str] = set()
    for part in parts:
        if isinstance(part, Word):
            return keys | part.keys
        if isinstance(part, Edge) and not part.at_end:
            continue
        if not isinstance(part, Choice):
            return None
        may_be_missing = part.optional
        for way in part.ways:
            if all(isinstance(one, Edge) and not one.at_end for one in way):
                may_be_missing = True
                continue
            of_way = _firsts(way)
            if of_way is None:
                return None
            keys |= of_way
        if not may_be_missing:
            return keys
    return None
