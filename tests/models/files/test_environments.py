"""Other environments report their packages, and errors in them are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.errors import ModelUnavailableError
from reelmill.models.files.environments import Environment, look
from tests.bare import make_environment


def test_an_environment_reports_its_packages(tmp_path: Path) -> None:
    home = make_environment(tmp_path / "env", whisperx="3.8.6", pyannote_audio="4.0.7")
    found = look(home, ("whisperx", "pyannote.audio", "torch", "pydantic"))
    assert found.versions == {"whisperx": "3.8.6", "pyannote.audio": "4.0.7"}
    assert found.python == str(home / "bin" / "python")
    assert look(home / "bin" / "python", ("whisperx",)).versions == {"whisperx": "3.8.6"}


def test_without_a_choice_our_own_environment_is_used() -> None:
    found = look(None, ("pydantic", "no-such-package"))
    assert found.python is None and set(found.versions) == {"pydantic"}
    assert found.where == "this environment"


def test_a_path_that_is_not_an_environment_is_refused(tmp_path: Path) -> None:
    # proves: G19
    with pytest.raises(ModelUnavailableError, match=r"--python .*nowhere: there is no interpreter"):
        look(tmp_path / "nowhere", ())
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ModelUnavailableError, match="cannot be run as a Python interpreter"):
        look(tmp_path / "text", ())
    lying = tmp_path / "old"
    lying.write_text("#!/bin/sh\necho '[[3, 8], {}, 0]'\n")
    lying.chmod(0o755)
    with pytest.raises(ModelUnavailableError, match=r"is Python 3\.8; 3\.10 or newer"):
        look(lying, ())


def test_builds_for_the_cpu_cannot_use_gpus() -> None:
    assert not Environment(None, {"torch": "2.13.0+cpu"}).has_cuda
    assert Environment(None, {"torch": "2.8.0"}).has_cuda
