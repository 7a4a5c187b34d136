"""Pages of results as the server gives them out.

They are the files that a run wrote. Three things differ: a policy says which scripts may run, the
sound comes from the server, because a page cannot reach the recording by its path here, and the
brand leads back to the runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from reelmill.pages.embedded import json_of
from reelmill.pages.index import INDEX_FILES
from reelmill.pages.scripts import script_hashes

_DATA = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.DOTALL)
_BRAND = "<b>Reelmill</b>"
#: A file beside the index with the lines of transcripts: a call with JSON, and nothing else.
_LINES = re.compile(r"reelmillLines\((\d{1,9}),(.*)\);\n", re.DOTALL)


def policy(address: str) -> str:
    """The content security policy of a page of results.

    Args:
        address: that of the run's results, with scheme and host.
    """
    scripts = " ".join((*script_hashes(), f"{address}/{INDEX_FILES}/"))
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; "
        "img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; form-action 'none'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def with_sound_from(html: str, locate: Callable[[str], str | None]) -> str:
    """A page whose player finds recordings on the server.

    Args:
        html: a page of results.
        locate: the address of what the page refers to; None where that can stay.
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
        return f"{found[1]}{json_of(data)}{found[3]}"

    return _DATA.sub(replaced, html, count=1)


def with_way_home(html: str) -> str:
    """A page whose first word leads back to the runs."""
    return html.replace(_BRAND, f'<a href="/">{_BRAND}</a>', 1)


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
