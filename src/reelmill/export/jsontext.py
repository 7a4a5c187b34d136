"""Write JSON as text that is valid UTF-8 and readable in any language."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(value: Any, indent: int | None = None) -> str:
    """`value` as JSON, with letters of all scripts unescaped.

    Names that are no UTF-8 on disk (Python's surrogates) are written as `\\udcXX` escapes, from
    which `os.fsencode` makes the same bytes again. Raises ValueError on NaN and infinities.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, indent=indent, allow_nan=False)
    return text


def number(value: float | None, digits: int = 3) -> float | None:
    """`value` rounded; None for NaN and infinities, which JSON does not have."""
    return round(value, digits) if value is not None and math.isfinite(value) else None
