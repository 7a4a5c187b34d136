"""Pages of results as the server gives them out.

They are the files that a run wrote. Four things differ: a policy says which scripts may run, the
sound comes from the server, because a page cannot reach the recording by its path here, the brand
leads back to the runs, and whoever may correct a transcript gets an editor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from reelmill.pages.correcting import EDITOR_SCRIPT, EDITOR_STYLE, NAMING_SCRIPT, editor, naming
from reelmill.pages.embedded import json_of
from reelmill.pages.index import INDEX_FILES
from reelmill.pages.language import LANGUAGES, wording_in

#: What pages of transcripts have, and how pages end.
_TRANSCRIPT, _END = '<ol class="transcript" id="transcript">', "</body>"
#: What pages of videos have in which persons can be named.
_NAMES = '<section class="card keep" id="keep">'
_LANGUAGE = re.compile(r'<html lang="(\w+)">')
_DATA = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.DOTALL)
_BRAND = "<b>Reelmill</b>"
#: A file beside the index with the lines of transcripts: a call with JSON, and nothing else.
_LINES = re.compile(r"reelmillLines\((\d{1,9}),(.*)\);\n", re.DOTALL)


def policy(server: str, results: str, known: Iterable[str]) -> str:
    """The content security policy of a page of results.

    Args:
        server: the server's address: scheme and host.
        results: the path of the run's results there.
        known: the scripts in the page that may run.
    """
    added = (f"{server}/static/{script}" for script in (EDITOR_SCRIPT, NAMING_SCRIPT))
    scripts = " ".join((*known, f"{server}{results}/{INDEX_FILES}/", *added))
    styles = f"{server}/static/{EDITOR_STYLE}"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline' {styles}; "
        "img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; form-action 'none'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def with_sound_from(
    html: str, locate: Callable[[str], str | None], original: Callable[[], str | None]
) -> str:
    """A page whose player finds recordings on the server.

    Args:
        html: a page of results.
        locate: the address of what the page refers to; None where that can stay.
        original: the address of the recording that a page of faces is about; None where there is
            none.
    """

    def replaced(found: re.Match[str]) -> str:
        try:
            data = json.loads(found[2])
        except ValueError:
            return found[0]
        if isinstance(data, dict) and isinstance(data.get("sources"), list):
            data["sources"] = [
                {**one, "href": locate(one["href"]) or one["href"]}
                for one in data["sources"]
                if isinstance(one, dict) and isinstance(one.get("href"), str)
            ]
        if isinstance(data, dict) and isinstance(data.get("clips"), list):
            data["original"] = original()
        return f"{found[1]}{json_of(data)}{found[3]}"

    return _DATA.sub(replaced, html, count=1)


def with_way_home(html: str) -> str:
    """A page whose first word leads back to the runs."""
    return html.replace(_BRAND, f'<a href="/">{_BRAND}</a>', 1)


def with_editor(html: str, person: str, version: int) -> str:
    """A page whose reader may correct its transcript, or name its persons.

    Nothing in it says where corrections go: the script knows that from the page's address.

    Args:
        html: a page of results; one without transcript and persons stays as it is.
        person: who reads it.
        version: of the page.
    """
    if _END not in html:
        return html
    language = _LANGUAGE.search(html)
    say = wording_in(language[1] if language and language[1] in LANGUAGES else LANGUAGES[0])
    added = editor(say, person) if _TRANSCRIPT in html else ""
    added += naming(say, version) if _NAMES in html else ""
    before, _, after = html.rpartition(_END)
    return f"{before}{added}{_END}{after}"


def is_lines(text: str) -> bool:
    """Whether a script is one with lines of transcripts, which can do nothing but hold them."""
    found = _LINES.fullmatch(text)
    if found is None or any(character in text for character in "<>\u2028\u2029"):
        return False
    try:
        json.loads(found[2])
    except (ValueError, RecursionError):
        return False
    return True
