"""Read JSON from untrusted files."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """Parse `text`.

    Raises:
        ValueError: it is not JSON, not UTF-8, or nested deeper than any file of ours.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
