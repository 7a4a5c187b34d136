"""Data for a page's script: JSON that cannot end the script or be read as markup."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

#: What could end a script element or a line of a script, as JSON can also write it.
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def json_of(value: Any) -> str:
    """JSON for a script, in a page or in a file beside it. Bytes that are not UTF-8 in names are
    written as escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_ESCAPES).encode("utf-8", "backslashreplace").decode("utf-8")


def embedded(value: Any) -> Markup:
    """JSON for a `<script type="application/json">` of a template."""
    return Markup(json_of(value))
