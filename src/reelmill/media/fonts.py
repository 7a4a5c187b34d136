"""Check that fonts have the letters of a script, by asking the library that draws them."""

from __future__ import annotations

import os
import re
import subprocess
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from reelmill.errors import UsageError
from reelmill.media.ffmpeg import ffmpeg_with_subtitles

#: How libass reports that no font on the machine has a character.
NO_GLYPH = re.compile(r"failed to find any fallback with glyph 0x([0-9A-Fa-f]+)")

_CORE, _CJK, _LATIN = "fonts-noto-core", "fonts-noto-cjk", "fonts-dejavu-core"
_SECONDS = 60


@dataclass(frozen=True)
class _Script:
    """`word` begins the Unicode names of its letters, `letters` are some of them, and `package` is
    the Debian package with a font for all."""

    word: str
    letters: str
    package: str


#: Scripts by their ISO 15924 codes.
_SCRIPTS = {
    "Arab": _Script("ARABIC", "ابت", _CORE),
    "Armn": _Script("ARMENIAN", "ԱԲա", _CORE),
    "Beng": _Script("BENGALI", "অকখ", _CORE),
    "Cyrl": _Script("CYRILLIC", "Жия", _LATIN),
    "Deva": _Script("DEVANAGARI", "अकख", _CORE),
    "Ethi": _Script("ETHIOPIC", "ሀለመ", _CORE),
    "Geor": _Script("GEORGIAN", "აბგ", _CORE),
    "Grek": _Script("GREEK", "Ωαβ", _LATIN),
    "Gujr": _Script("GUJARATI", "અકખ", _CORE),
    "Guru": _Script("GURMUKHI", "ਅਕਖ", _CORE),
    "Hang": _Script("HANGUL", "가힣글", _CJK),
    "Hans": _Script("CJK", "这们说", _CJK),
    "Hant": _Script("CJK", "這們說", _CJK),
    "Hebr": _Script("HEBREW", "אבג", _CORE),
    "Jpan": _Script("HIRAGANA", "あア語", _CJK),
    "Khmr": _Script("KHMER", "កខគ", _CORE),
    "Knda": _Script("KANNADA", "ಅಕಖ", _CORE),
    "Laoo": _Script("LAO", "ກຂຄ", _CORE),
    "Latn": _Script("LATIN", "Aéß", _LATIN),
    "Mlym": _Script("MALAYALAM", "അകഖ", _CORE),
    "Mymr": _Script("MYANMAR", "ကခဂ", _CORE),
    "Olck": _Script("OL CHIKI", "ᱚᱛᱜ", _CORE),
    "Orya": _Script("ORIYA", "ଅକଖ", _CORE),
    "Sinh": _Script("SINHALA", "අකඛ", _CORE),
    "Taml": _Script("TAMIL", "அகங", _CORE),
    "Telu": _Script("TELUGU", "అకఖ", _CORE),
    "Tfng": _Script("TIFINAGH", "ⴰⴱⴳ", _CORE),
    "Thai": _Script("THAI", "กขค", _CORE),
    "Tibt": _Script("TIBETAN", "ཀཁག", _CORE),
}


def check_fonts(languages: Iterable[tuple[str, str]], font: str) -> None:
    """Have libass draw some letters of each language's script, to check that fonts have them.

    Args:
        languages: the name of each, as the user gave it, and its script (ISO 15924).
        font: the name of the preferred font; others replace it for letters that it lacks.

    Raises:
        UsageError: no font has them; the message names a package for each language.
    """
    wanted = [(name, _SCRIPTS[script]) for name, script in languages if script in _SCRIPTS]
    letters = "".join(script.letters for _, script in wanted)
    missing = lacking(letters, font) if letters else frozenset()
    lacks = [(name, script) for name, script in wanted if missing & set(script.letters)]
    if lacks:
        which = ", ".join(f"{script.word.title()} letters ({name})" for name, script in lacks)
        packages = " ".join(sorted({script.package for _, script in lacks}))
        raise UsageError(
            f"--burn: no font on this machine has {which}: install one (Debian and Ubuntu: "
            f"{packages}), or name another with --style font=..., or leave out --burn"
        )


def packages_for(letters: Iterable[str]) -> str:
    """The Debian packages of fonts with these letters."""
    words = {unicodedata.name(letter, "").rsplit(" LETTER")[0] for letter in letters}
    found = {
        script.package
        for script in _SCRIPTS.values()
        if any(word.startswith(script.word) for word in words)
    }
    return " ".join(sorted(found)) or _CORE


@lru_cache(maxsize=8)
def lacking(letters: str, font: str) -> frozenset[str]:
    """The letters that no font on this machine has; empty if libass does not report it.

    Raises:
        UsageError: there is no ffmpeg with libass.
    """
    program = ffmpeg_with_subtitles()
    if not hasattr(os, "memfd_create"):
        return frozenset()
    descriptor = os.memfd_create("letters")
    try:
        os.write(descriptor, _script(letters, font).encode())
        told = subprocess.run(
            [
                *(program, "-nostdin", "-hide_banner", "-loglevel", "warning"),
                *("-protocol_whitelist", "none", "-f", "lavfi", "-i", "color=s=64x64:r=1:d=1"),
                *("-vf", f"ass=filename=/dev/fd/{descriptor}", "-f", "null", "-"),
            ],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            pass_fds=(descriptor,),
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return frozenset()
    finally:
        os.close(descriptor)
    return frozenset(chr(int(code, 16)) for code in NO_GLYPH.findall(told.stderr))


def _script(letters: str, font: str) -> str:
    import pysubs2

    script = pysubs2.SSAFile()
    script.styles["Default"] = pysubs2.SSAStyle(fontname=font)
    script.append(pysubs2.SSAEvent(start=0, end=2000, text=letters))
    return script.to_string("ass")
