"""The language of the server's pages."""

from __future__ import annotations

from starlette.requests import Request

from reelmill.pages.language import LANGUAGES, Wording, wording_in
from reelmill.web.settings import WebSettings


def wording_for(request: Request, settings: WebSettings) -> Wording:
    """The wording in the language that the server was given, or that the browser prefers."""
    if settings.lang is not None:
        return wording_in(settings.lang)
    return wording_in(preferred(request.headers.get("accept-language", "")))


def preferred(accepted: str) -> str:
    """The best of our languages for an Accept-Language header."""
    best, weight = LANGUAGES[0], 0.0
    for part in accepted[:500].split(","):
        name, _, rest = part.partition(";")
        language = name.strip().partition("-")[0].lower()
        quality = rest.partition("q=")[2].strip() or "1"
        try:
            value = float(quality)
        except ValueError:
            continue
        if language in LANGUAGES and value > weight:
            best, weight = language, value
    return best
