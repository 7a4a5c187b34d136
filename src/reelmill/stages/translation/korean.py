"""Choose the form of Korean particles, which depends on the last sound of the word before them."""

_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
_FINALS = 28
_RIEUL = 8

# after a final consonant, after a vowel
_FORMS: dict[str, tuple[str, str]] = {
    "은": ("은", "는"),
    "이": ("이", "가"),
    "을": ("을", "를"),
    "과": ("과", "와"),
    "으로": ("으로", "로"),
    "이에요": ("이에요", "예요"),
    "이라고": ("이라고", "라고"),
    "이나": ("이나", "나"),
    "이었던": ("이었던", "였던"),
}


def final_consonant(word: str) -> int:
    """Index of the last syllable's final consonant in the Unicode order; 0 for a vowel."""
    last = ord(word[-1])
    if not _FIRST_SYLLABLE <= last <= _LAST_SYLLABLE:
        raise ValueError(f"not a Hangul word: {word!r}")
    return (last - _FIRST_SYLLABLE) % _FINALS


def with_particle(word: str, particle: str) -> str:
    """`word` followed by the right form of `particle`, named by its form after a consonant.

    A particle with one form only (에, 에서, 도) is appended as it is.
    """
    if particle not in _FORMS:
        return word + particle
    after_consonant, after_vowel = _FORMS[particle]
    final = final_consonant(word)
    # 으로 counts a final ㄹ as a vowel: 서울로, not 서울으로.
    closed = final != 0 and not (particle == "으로" and final == _RIEUL)
    return word + (after_consonant if closed else after_vowel)


def corrected_particle(word: str, following: str) -> tuple[str, int]:
    """The particle that `following` begins with, in the form that fits after `word`.

    Returns the particle and how many letters of `following` it replaces; an empty text and 0 if
    there is none or `word` does not end in Hangul.
    """
    if not word or not _FIRST_SYLLABLE <= ord(word[-1]) <= _LAST_SYLLABLE:
        return "", 0
    for particle, forms in sorted(_FORMS.items(), key=lambda entry: -len(entry[0])):
        for form in sorted(forms, key=len, reverse=True):
            rest = following[len(form) :]
            if following.startswith(form) and not (rest and rest[0].isalpha()):
                return with_particle(word, particle).removeprefix(word), len(form)
    return "", 0
