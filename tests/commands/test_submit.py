"""`--on` and `worker`: what is refused before anything is sent."""

# proves: G17

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from reelmill.cli.app import app
from reelmill.errors import UsageError

pytest.importorskip("celery")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--on", "celery"], "give --roots"),
        (["--on", "celery", "--roots", "{folder}"], "give --broker"),
        (["--on", "celery", "--roots", "{folder}", "--fresh"], "--fresh does not go with"),
        (["--on", "mesos", "--roots", "{folder}"], "the choices are"),
        (["--on", "celery", "--claim"], "does not go with"),
        (["--store", "s3://bucket/x"], "--store goes with --on"),
        (["--on", "celery", "--roots", "{folder}", "--broker", "http://x"], "give redis://"),
        (["--on", "celery", "--roots", "{folder}/none", "--broker", "redis://x"], "no folder"),
        (
            ["--on", "celery", "--roots", "{folder}", "--broker", "redis://:geheim@127.0.0.1:1/0"],
            "cannot be reached",
        ),
    ],
)
def test_what_cannot_work_is_said_at_once(
    options: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REELMILL_BROKER", raising=False)
    (tmp_path / "call.wav").write_bytes(b"RIFF")
    given = [option.format(folder=tmp_path) for option in options]
    command = ["voice", str(tmp_path / "call.wav"), "--model", "demo", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*command, "--placement", "resident", *given])
    assert isinstance(done.exception, UsageError), (done.output, done.exception)
    assert told in str(done.exception) and "geheim" not in str(done.exception)


def test_a_worker_without_broker_or_root_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REELMILL_BROKER", raising=False)
    for options, told in (([], "--broker"), (["--broker", "redis://x"], "--roots")):
        done = CliRunner().invoke(app, ["worker", *options])
        assert isinstance(done.exception, UsageError) and told in str(done.exception)
