"""Where results are written."""

from __future__ import annotations

import pytest

from reelmill.export.files import export_path


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "", "."])
def test_nothing_is_written_outside_the_root(name: str):
    with pytest.raises(ValueError, match="below the output folder"):
        export_path(name, "json")
