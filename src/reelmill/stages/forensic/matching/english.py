"""English: words without their contractions, and the inflections of a dictionary form."""

from __future__ import annotations

import re
from functools import lru_cache

from reelmill.stages.forensic.matching.tokens import (
    NUMBER,
    Token,
    folded,
    keys_of,
    punctuation,
)

_WORD = re.compile(r"\d[\d.,]*\d|\d|[^\W\d_]+(?:['’][^\W\d_]+)*['’]?|\S")
_ENDINGS = {
    "n't": "not", "'ll": "will", "'m": "am", "'re": "are", "'ve": "have", "'d": "'d", "'s": "'s",
}  # fmt: skip
#: Other meanings of a contraction.
_EITHER = {"'s": frozenset({"is", "has"}), "'d": frozenset({"would", "had"})}
_WHOLE = {
    "won't": "will not", "can't": "can not", "cannot": "can not", "shan't": "shall not",
    "ain't": "am not", "gonna": "going to", "gon": "going to", "wanna": "want to",
    "gotta": "got to",
    "lemme": "let me", "gimme": "give me", "let's": "let us", "dunno": "do not know",
    "imma": "i am going to", "i'ma": "i am going to", "y'all": "you all", "ya": "you",
    "kinda": "kind of", "sorta": "sort of", "outta": "out of", "coulda": "could have",
    "shoulda": "should have", "woulda": "would have", "cause": "because", "'cause": "because",
    "'em": "them", "til": "until", "ok": "okay", "dont": "do not", "didnt": "did not",
    "doesnt": "does not", "isnt": "is not", "wasnt": "was not", "youre": "you are",
    "im": "i am", "ive": "i have", "$": "dollar", "€": "euro", "£": "pound", "¥": "yen", "₩": "won",
}  # fmt: skip
_NUMBER_WORDS = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds
thousand thousands million millions grand
"""
_NUMBERS = frozenset(_NUMBER_WORDS.split())
#: Irregular verbs and nouns.
_IRREGULAR = {
    row.split()[0]: frozenset(row.split())
    for row in """
be am is are was were been being 's
have has had having
do does did done doing
go goes went gone going
say says said saying
tell tells told telling
make makes made making
take takes took taken taking
give gives gave given giving
get gets got gotten getting
come comes came coming
know knows knew known knowing
think thinks thought thinking
see sees saw seen seeing
leave leaves left leaving
keep keeps kept keeping
let lets letting
lose loses lost losing
pay pays paid paying
send sends sent sending
bring brings brought bringing
buy buys bought buying
hit hits hitting
hurt hurts hurting
cut cuts cutting
put puts putting
beat beats beaten beating
break breaks broke broken breaking
burn burns burned burnt burning
shoot shoots shot shooting
steal steals stole stolen stealing
write writes wrote written writing
speak speaks spoke spoken speaking
hear hears heard hearing
feel feels felt feeling
find finds found finding
hold holds held holding
lie lies lied lying
lay lays laid laying
die dies died dying
hang hangs hung hanging
sleep sleeps slept sleeping
throw throws threw thrown throwing
tear tears tore torn tearing
bury buries buried burying
dream dreams dreamed dreamt dreaming
drive drives drove driven driving
sue sues sued suing
rape rapes raped raping
ruin ruins ruined ruining
deal deals dealt dealing
owe owes owed owing
forget forgets forgot forgotten forgetting
begin begins began begun beginning
child children
man men
woman women
wife wives
life lives
knife knives
thief thieves
""".strip().splitlines()
}
_VOWELS = frozenset("aeiou")
#: The tag of a number in figures that is at least 100.
LARGE = "LARGE"
_LARGE_DIGITS = 3


class EnglishAnalyser:
    """Cuts English into words, and expands contractions."""

    def tokens(self, text: str) -> list[Token]:
        found: list[Token] = []
        for match in _WORD.finditer(text):
            mark = punctuation(match[0], match.start())
            if mark is not None:
                found.append(mark)
                continue
            for word in _parts(folded(match[0])):
                found.append(Token(word, match.start(), match.end(), _keys(word)))
        return found


def spellings(key: str) -> frozenset[str]:
    """The keys that a key of a form stands for: `~kill` for all forms of kill."""
    word, _, tag = key.partition("/")
    forms = inflections(word[1:]) if word.startswith("~") else frozenset({word})
    return frozenset(f"{form}/{tag}" if tag else form for form in forms)


@lru_cache(maxsize=4096)
def inflections(word: str) -> frozenset[str]:
    """All forms of a verb or noun: by rule, or as listed if it is irregular."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    last = word[-1:]
    consonant_y = last == "y" and word[-2:-1] not in _VOWELS
    sibilant = word.endswith(("s", "x", "z", "ch", "sh"))
    plural = f"{word[:-1]}ies" if consonant_y else f"{word}es" if sibilant else f"{word}s"
    if last == "e" and not word.endswith(("ee", "ye", "oe")):
        return frozenset({word, plural, f"{word}d", f"{word[:-1]}ing"})
    past = f"{word[:-1]}ied" if consonant_y else f"{word}d" if last == "e" else f"{word}ed"
    forms = {word, plural, past, f"{word}ing"}
    if _doubles(word):
        forms |= {f"{word}{last}ed", f"{word}{last}ing"}
    return frozenset(forms)


def _doubles(word: str) -> bool:
    """Whether a final consonant may be written twice: stab, stabbed."""
    ends = len(word) > 2 and word[-1] not in _VOWELS | frozenset("wxy")
    return ends and word[-2] in _VOWELS and word[-3] not in _VOWELS


def _parts(word: str) -> list[str]:
    word = word if word in _WHOLE else word.rstrip("'")
    if word in _WHOLE:
        return _WHOLE[word].split()
    for ending, stands_for in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return [*_parts(word[: -len(ending)]), stands_for]
    return [word] if word else []


def _keys(word: str) -> frozenset[str]:
    tags: tuple[str, ...] = ()
    if word[:1].isdigit() or word in _NUMBERS:
        digits = sum(one.isdigit() for one in word.partition(".")[0])
        tags = (NUMBER, LARGE) if digits >= _LARGE_DIGITS else (NUMBER,)
    return keys_of(word, tags=tags) | _EITHER.get(word, frozenset())
