"""Finds every occurrence of the patterns of a language in a text, with its status."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from reelmill.artifacts.patterns import MARKS
from reelmill.errors import UsageError
from reelmill.stages.forensic.matching.files import Grammar, Pattern, PatternFile
from reelmill.stages.forensic.matching.forms import (
    Form,
    FormError,
    Found,
    Lists,
    Skipped,
    Spellings,
    Walk,
    Word,
    compile_form,
)
from reelmill.stages.forensic.matching.spoken import Speak, SpokenText
from reelmill.stages.forensic.matching.tokens import Analyser, Sentence, Token, sentences

#: The most words between a match and the words that decide its status.
_NEGATION_REACH, _REPORT_REACH, _TAG_REACH = 3, 10, 4
_NEGATION_AFTER = 1
#: A longer sentence (speech without punctuation) is searched in pieces.
_LONGEST = 240
_OVERLAP = 40


@dataclass(frozen=True)
class Hit:
    """A pattern in a text: characters `start` to `end`, in a sentence from `first` to `last`.
    `slots` are the lists of the form with the characters that they stand for."""

    pattern: Pattern
    start: int
    end: int
    first: int
    last: int
    negated: bool = False
    quoted: bool = False
    conditional: bool = False
    question: bool = False
    by_reading: bool = False
    slots: tuple[tuple[str, int, int], ...] = ()

    @property
    def counts(self) -> bool:
        """Whether the speaker means it: neither negated nor quoted."""
        return not (self.negated or self.quoted)

    @property
    def marks(self) -> list[str]:
        """The names of the marks it has, such as `conditional`."""
        return [name for name in MARKS if getattr(self, name)]


@dataclass(frozen=True)
class Compiled:
    """A pattern with its forms."""

    pattern: Pattern
    forms: tuple[Form, ...]
    unless: tuple[Form, ...]
    together: tuple[Form, ...]


class Matcher:
    """The patterns of one language, compiled."""

    def __init__(
        self,
        files: Sequence[PatternFile],
        grammar: Grammar,
        analyser: Analyser,
        spellings: Spellings,
        speak: Speak | None = None,
    ) -> None:
        """Compile the patterns.

        Args:
            files: the patterns.
            grammar: the grammar of their language.
            analyser: what texts are cut with.
            spellings: how the words of forms are read.
            speak: how a text is read, for languages in which one sound is written in many ways.

        Raises:
            UsageError: a form cannot be read; the message names its file, line and pattern.
        """
        self._analyser = analyser
        self._speak = speak
        self._grammar = _CompiledGrammar(grammar, spellings)
        compiled = [one for file in files for one in compile_file(file, grammar, spellings)]
        self._unless = {one.pattern.id: one.unless for one in compiled}
        self._by_key = _by_rarest_key(compiled)

    def find(self, text: str, rests: Sequence[int] = ()) -> list[Hit]:
        """Every occurrence in a text, in order. Among overlapping ones of a category, only the
        longest. Where nothing is found, the text is searched as it is read: `by_reading`.

        Args:
            text: what one speaker says.
            rests: the places in it, in order, where they paused: recognizers leave out full stops.
        """
        found = _one_each(self._found(text, rests))
        spoken = None if self._speak is None else self._speak(text)
        if spoken is not None:
            found += _one_each(
                one
                for one in (_written(hit, spoken) for hit in self._found(*spoken.with_rests(rests)))
                if not any(_overlap(one, hit) for hit in found) and not self._excluded(one, text)
            )
        return sorted(found, key=lambda hit: (hit.start, hit.end, hit.pattern.id))

    def _excluded(self, hit: Hit, text: str) -> bool:
        """Whether the sentence of a hit by reading has words, as it is written, that rule its
        pattern out."""
        unless = self._unless[hit.pattern.id]
        return any(
            any(_occurrences(unless, sentence, self._grammar.skipped))
            for sentence in self._sentences(text[hit.first : hit.last], ())
        )

    def _found(self, text: str, rests: Sequence[int]) -> list[Hit]:
        """Every match of every form."""
        found: list[Hit] = []
        before: Sentence | None = None
        for sentence in self._sentences(text, rests):
            found += self._in_sentence(sentence, before)
            before = sentence
        return found

    def tokens(self, text: str) -> list[Token]:
        """What the forms are matched against."""
        return self._analyser.tokens(text)

    def _between_rests(self, text: str, rests: Sequence[int]) -> Iterator[Token]:
        """The tokens of a text; each part between two rests is cut by itself."""
        for first, last in pairwise((0, *rests, len(text))):
            for token in self._analyser.tokens(text[first:last]):
                yield replace(token, start=token.start + first, end=token.end + first)
            if last < len(text):
                yield Token("", last, last, kind="rest")

    def _sentences(self, text: str, rests: Sequence[int]) -> Iterator[Sentence]:
        for sentence in sentences(list(self._between_rests(text, rests))):
            tokens = sentence.tokens
            if len(tokens) <= _LONGEST:
                yield sentence
                continue
            for begin in range(0, len(tokens) - _OVERLAP, _LONGEST - _OVERLAP):
                yield replace(sentence, tokens=tokens[begin : begin + _LONGEST])

    def _in_sentence(self, sentence: Sentence, before: Sentence | None) -> list[Hit]:
        walk = Walk(sentence, self._grammar.skipped)
        possible = {
            id(form): (compiled, form)
            for key in walk.places
            for compiled, form in self._by_key.get(key, ())
        }
        found = [
            (compiled, form, match)
            for compiled, form in possible.values()
            if walk.can_match(form)
            for at in walk.starts(form)
            if (match := walk.match(form, at)) is not None
        ]
        if not found:
            return []
        status = _Status(sentence, before, self._grammar)
        return [
            status.hit(compiled.pattern, match, walk.slots(form, match))
            for compiled, form, match in found
            if self._stands(compiled, sentence)
        ]

    def _stands(self, compiled: Compiled, sentence: Sentence) -> bool:
        skipped = self._grammar.skipped
        if any(_occurrences(compiled.unless, sentence, skipped)):
            return False
        return not compiled.together or any(_occurrences(compiled.together, sentence, skipped))


class _CompiledGrammar:
    """The grammar of a language as forms."""

    def __init__(self, grammar: Grammar, spellings: Spellings) -> None:
        def forms(texts: Iterable[str]) -> tuple[Form, ...]:
            return tuple(compile_form(text, grammar.words, spellings) for text in texts)

        def keys(texts: Iterable[str]) -> frozenset[str]:
            return frozenset(key for text in texts for key in spellings(text))

        def sequences(texts: Iterable[str]) -> tuple[tuple[Word, ...], ...]:
            return tuple(tuple(Word(spellings(word)) for word in text.split()) for text in texts)

        self.skipped = Skipped(
            keys(grammar.fillers),
            sequences(grammar.negators),
            sequences(grammar.endings),
        )
        self.breaks = keys(grammar.breaks)
        self.negated_before = forms(grammar.negated_before)
        self.negated_after = forms(grammar.negated_after)
        self.quoted_before = forms(grammar.quoted_before)
        self.quoted_after = forms(grammar.quoted_after)
        self.own = forms(grammar.own)
        self.conditional_before = forms(grammar.conditional_before)
        self.conditional_after = forms(grammar.conditional_after)


class _Status:
    """The status that the rest of a sentence gives to its matches."""

    def __init__(
        self, sentence: Sentence, before: Sentence | None, grammar: _CompiledGrammar
    ) -> None:
        self._sentence, self._before, self._grammar = sentence, before, grammar

        def found(forms: Sequence[Form]) -> list[Found]:
            return list(_occurrences(forms, sentence, grammar.skipped))

        self._negated = found(grammar.negated_before), found(grammar.negated_after)
        own = found(grammar.own)
        self._own = own
        self._quoted = (
            [one for one in found(grammar.quoted_before) if not _meets(one, own)],
            [one for one in found(grammar.quoted_after) if not _meets(one, own)],
        )
        self._conditional = found(grammar.conditional_before), found(grammar.conditional_after)

    def hit(self, pattern: Pattern, match: Found, slots: Sequence[tuple[str, int, int]]) -> Hit:
        tokens = self._sentence.tokens
        return Hit(
            pattern,
            tokens[match.first].start,
            tokens[match.last].end,
            self._sentence.start,
            self._sentence.end,
            negated=match.negated or self._is_negated(match),
            quoted=self._is_quoted(match),
            conditional=self._is_conditional(match),
            question=self._sentence.question,
            slots=tuple((name, tokens[one].start, tokens[last].end) for name, one, last in slots),
        )

    def _is_negated(self, match: Found) -> bool:
        before, after = self._negated
        return any(
            one.last < match.first and self._near(one.last, match.first, _NEGATION_REACH, True)
            for one in before
        ) or any(
            one.first > match.last and self._near(match.last, one.first, _NEGATION_AFTER, True)
            for one in after
        )

    def _is_quoted(self, match: Found) -> bool:
        before, after = self._quoted
        reported = any(
            one.last < match.first and self._near(one.last, match.first, _REPORT_REACH, False)
            for one in before
        ) or any(
            one.first > match.last and self._near(match.last, one.first, _TAG_REACH, False)
            for one in after
        )
        return reported or (self._in_marks(match) and not self._own)

    def _is_conditional(self, match: Found) -> bool:
        before, after = self._conditional
        return any(one.first <= match.last for one in before) or any(
            one.last > match.last for one in after
        )

    def _in_marks(self, match: Found) -> bool:
        marks = [token.kind == "mark" for token in self._sentence.tokens[: match.first]]
        return sum(marks) % 2 == 1

    def _near(self, left: int, right: int, reach: int, in_clause: bool) -> bool:
        """Whether few words lie between two tokens, and with `in_clause` no end of a clause."""
        between = self._sentence.tokens[left + 1 : right]
        if in_clause and any(
            token.kind != "word" or not self._grammar.breaks.isdisjoint(token.keys)
            for token in between
        ):
            return False
        return sum(token.kind == "word" for token in between) <= reach


def compile_file(file: PatternFile, grammar: Grammar, spellings: Spellings) -> list[Compiled]:
    """The patterns of a file with their forms read.

    Raises:
        UsageError: a form cannot be read; the message names file, line and pattern.
    """
    lists = Lists({**grammar.words, **file.lists})
    return [_compiled(file, pattern, lists, spellings) for pattern in file.patterns]


def _by_rarest_key(compiled: Sequence[Compiled]) -> dict[str, list[tuple[Compiled, Form]]]:
    """The forms by keys of which a sentence must have one to match them. Of the sets of keys that a
    form needs, that one is taken whose keys few forms need: `you` is in every second sentence."""
    forms = [(one, form) for one in compiled for form in one.forms]
    uses = Counter(key for _, form in forms for keys in form.needed for key in keys)
    found: dict[str, list[tuple[Compiled, Form]]] = defaultdict(list)
    for one, form in forms:
        for key in min(form.needed, key=lambda keys: sum(uses[key] ** 2 for key in keys)):
            found[key].append((one, form))
    return found


def _compiled(file: PatternFile, pattern: Pattern, lists: Lists, spellings: Spellings) -> Compiled:
    def forms(texts: Sequence[str]) -> tuple[Form, ...]:
        made = []
        for text in texts:
            try:
                made.append(compile_form(text, lists, spellings))
            except FormError as error:
                raise UsageError(
                    f"{file.name}: line {pattern.line}: pattern {pattern.id}: form {text!r}: "
                    f"{error}"
                ) from error
        return tuple(made)

    return Compiled(pattern, forms(pattern.forms), forms(pattern.unless), forms(pattern.together))


def _occurrences(forms: Sequence[Form], sentence: Sentence, skipped: Skipped) -> Iterator[Found]:
    walk = Walk(sentence, skipped)
    for form in filter(walk.can_match, forms):
        for at in walk.starts(form):
            match = walk.match(form, at)
            if match is not None:
                yield match


def _meets(one: Found, others: Sequence[Found]) -> bool:
    return any(one.first <= other.last and other.first <= one.last for other in others)


def _written(hit: Hit, spoken: SpokenText) -> Hit:
    """A hit in a text as it is read, by its places in the text as it is written."""
    start, end = spoken.written(hit.start, hit.end)
    first, last = spoken.written(hit.first, hit.last)
    slots = tuple((name, *spoken.written(one, end_of)) for name, one, end_of in hit.slots)
    return replace(hit, start=start, end=end, first=first, last=last, by_reading=True, slots=slots)


def _overlap(one: Hit, other: Hit) -> bool:
    return one.start < other.end and other.start < one.end


def _one_each(hits: Iterable[Hit]) -> list[Hit]:
    """Keep one of overlapping hits of a category: preferably one that counts, and the longest of
    those."""
    kept: list[Hit] = []

    def rank(hit: Hit) -> tuple[bool, int, int, str]:
        return not hit.counts, hit.start - hit.end, hit.start, hit.pattern.id

    order = sorted(hits, key=rank)
    for hit in order:
        same = [other for other in kept if hit.pattern.category == other.pattern.category]
        if not any(_overlap(hit, other) for other in same):
            kept.append(hit)
    return kept
