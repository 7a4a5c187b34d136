"""`reelmill key` shows which key is used, without revealing it."""

from __future__ import annotations

import pytest

from reelmill.commands.key import run_key
from reelmill.core.keys import user_key


def test_key_prints_its_path_and_fingerprint(capsys: pytest.CaptureFixture[str]) -> None:
    # proves: G12
    assert run_key() == 0
    told, key = capsys.readouterr().out, user_key()
    assert key.path is not None
    assert str(key.path) in told and key.seal.fingerprint in told
    assert key.path.read_text().strip() not in told
