"""The languages of Whisper, by the codes and names that users give."""

from __future__ import annotations

import difflib
import unicodedata
from functools import lru_cache

from reelmill.errors import UsageError

#: Names of each language: in English, in the language itself, and other common names. In the order
#: of Whisper's vocabulary; only large-v3 and later have `yue`.
NAMES: dict[str, tuple[str, ...]] = {
    "en": ("English",),
    "zh": ("Chinese", "中文", "汉语", "漢語", "Mandarin", "普通话"),
    "de": ("German", "Deutsch"),
    "es": ("Spanish", "Español", "Castellano", "Castilian"),
    "ru": ("Russian", "Русский"),
    "ko": ("Korean", "한국어", "조선말"),
    "fr": ("French", "Français"),
    "ja": ("Japanese", "日本語"),
    "pt": ("Portuguese", "Português"),
    "tr": ("Turkish", "Türkçe"),
    "pl": ("Polish", "Polski"),
    "ca": ("Catalan", "Català", "Valencian", "Valencià"),
    "nl": ("Dutch", "Nederlands", "Flemish", "Vlaams"),
    "ar": ("Arabic", "العربية"),
    "sv": ("Swedish", "Svenska"),
    "it": ("Italian", "Italiano"),
    "id": ("Indonesian", "Bahasa Indonesia"),
    "hi": ("Hindi", "हिन्दी", "हिंदी"),
    "fi": ("Finnish", "Suomi"),
    "vi": ("Vietnamese", "Tiếng Việt"),
    "he": ("Hebrew", "עברית"),
    "uk": ("Ukrainian", "Українська"),
    "el": ("Greek", "Ελληνικά"),
    "ms": ("Malay", "Bahasa Melayu"),
    "cs": ("Czech", "Čeština"),
    "ro": ("Romanian", "Română", "Moldovan", "Moldavian"),
    "da": ("Danish", "Dansk"),
    "hu": ("Hungarian", "Magyar"),
    "ta": ("Tamil", "தமிழ்"),
    "no": ("Norwegian", "Norsk", "Bokmål"),
    "th": ("Thai", "ไทย", "ภาษาไทย"),
    "ur": ("Urdu", "اردو"),
    "hr": ("Croatian", "Hrvatski"),
    "bg": ("Bulgarian", "Български"),
    "lt": ("Lithuanian", "Lietuvių"),
    "la": ("Latin", "Latina"),
    "mi": ("Maori", "Māori"),
    "ml": ("Malayalam", "മലയാളം"),
    "cy": ("Welsh", "Cymraeg"),
    "sk": ("Slovak", "Slovenčina"),
    "te": ("Telugu", "తెలుగు"),
    "fa": ("Persian", "فارسی", "Farsi"),
    "lv": ("Latvian", "Latviešu"),
    "bn": ("Bengali", "বাংলা", "Bangla"),
    "sr": ("Serbian", "Српски", "Srpski"),
    "az": ("Azerbaijani", "Azərbaycanca"),
    "sl": ("Slovenian", "Slovenščina", "Slovene"),
    "kn": ("Kannada", "ಕನ್ನಡ"),
    "et": ("Estonian", "Eesti"),
    "mk": ("Macedonian", "Македонски"),
    "br": ("Breton", "Brezhoneg"),
    "eu": ("Basque", "Euskara"),
    "is": ("Icelandic", "Íslenska"),
    "hy": ("Armenian", "Հայերեն"),
    "ne": ("Nepali", "नेपाली"),
    "mn": ("Mongolian", "Монгол"),
    "bs": ("Bosnian", "Bosanski"),
    "kk": ("Kazakh", "Қазақша"),
    "sq": ("Albanian", "Shqip"),
    "sw": ("Swahili", "Kiswahili"),
    "gl": ("Galician", "Galego"),
    "mr": ("Marathi", "मराठी"),
    "pa": ("Punjabi", "ਪੰਜਾਬੀ", "Panjabi"),
    "si": ("Sinhala", "සිංහල", "Sinhalese"),
    "km": ("Khmer", "ខ្មែរ", "ភាសាខ្មែរ", "Cambodian"),
    "sn": ("Shona", "chiShona"),
    "yo": ("Yoruba", "Yorùbá"),
    "so": ("Somali", "Soomaali"),
    "af": ("Afrikaans",),
    "oc": ("Occitan",),
    "ka": ("Georgian", "ქართული"),
    "be": ("Belarusian", "Беларуская"),
    "tg": ("Tajik", "Тоҷикӣ"),
    "sd": ("Sindhi", "سنڌي"),
    "gu": ("Gujarati", "ગુજરાતી"),
    "am": ("Amharic", "አማርኛ"),
    "yi": ("Yiddish", "ייִדיש", "יידיש"),
    "lo": ("Lao", "ລາວ"),
    "uz": ("Uzbek", "Oʻzbekcha", "O'zbek"),
    "fo": ("Faroese", "Føroyskt"),
    "ht": ("Haitian Creole", "Kreyòl ayisyen", "Haitian"),
    "ps": ("Pashto", "پښتو", "Pushto"),
    "tk": ("Turkmen", "Türkmençe"),
    "nn": ("Nynorsk", "Norwegian Nynorsk"),
    "mt": ("Maltese", "Malti"),
    "sa": ("Sanskrit", "संस्कृतम्"),
    "lb": ("Luxembourgish", "Lëtzebuergesch", "Letzeburgesch"),
    "my": ("Myanmar", "မြန်မာ", "Burmese"),
    "bo": ("Tibetan", "བོད་ཡིག"),
    "tl": ("Tagalog", "Filipino"),
    "mg": ("Malagasy",),
    "as": ("Assamese", "অসমীয়া"),
    "tt": ("Tatar", "Татарча"),
    "haw": ("Hawaiian", "ʻŌlelo Hawaiʻi"),
    "ln": ("Lingala", "Lingála"),
    "ha": ("Hausa",),
    "ba": ("Bashkir", "Башҡортса"),
    "jw": ("Javanese", "Basa Jawa"),
    "su": ("Sundanese", "Basa Sunda"),
    "yue": ("Cantonese", "粵語", "粤语", "廣東話", "广东话"),
}

LANGUAGES: tuple[str, ...] = tuple(NAMES)

#: A recording in which nobody speaks has no language (ISO 639-2's code for "undetermined").
UNDETERMINED = "und"

#: Other codes for languages that Whisper names differently.
_OTHER_CODES = {
    "iw": "he",
    "jv": "jw",
    "fil": "tl",
    "cmn": "zh",
    "nb": "no",
    "in": "id",
    "mo": "ro",
}


def language_name(code: str) -> str:
    """The English name of a code, or the code itself if Whisper has no such language."""
    return NAMES[code][0] if code in NAMES else code


def parse_languages(text: str | None, option: str = "--language") -> tuple[str, ...]:
    """Read a user's languages, separated by commas: codes, with or without a region (`pt-BR`), or
    names in English or in the language itself, in any case. Empty for None or `auto`.

    Args:
        text: what was given.
        option: the option it was given to, for the message.

    Raises:
        UsageError: a language that Whisper does not have.
    """
    given = [part.strip() for part in (text or "").split(",") if part.strip()]
    if [part.casefold() for part in given] in ([], ["auto"]):
        return ()
    return tuple(dict.fromkeys(_code(part, option) for part in given))


def _code(given: str, option: str) -> str:
    folded = _folded(given)
    code = _codes().get(folded) or _codes().get(folded.replace("_", "-").partition("-")[0])
    if code is None:
        close = difflib.get_close_matches(folded, _codes(), n=1)
        meant = f" Is {NAMES[_codes()[close[0]]][0]} ({_codes()[close[0]]}) meant?" if close else ""
        raise UsageError(
            f"{option} {given}: not one of Whisper's languages.{meant} Give a code or a name, "
            f"such as ko or Korean: {', '.join(sorted(LANGUAGES))}"
        )
    return code


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Codes by every name of a language."""
    names = {_folded(name): code for code, called in NAMES.items() for name in called}
    return {**names, **_OTHER_CODES, **{code: code for code in LANGUAGES}}


def _folded(text: str) -> str:
    """The text without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(one for one in decomposed if unicodedata.category(one) != "Mn")
