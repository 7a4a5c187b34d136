"""JSON made to cause trouble."""

from __future__ import annotations

import pytest

from reelmill.core.json_text import parse_json


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, b"\xff", "", "1" * 5000])
def test_any_invalid_json_raises_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
