"""The files under deploy/: every option in them exists in the command that they start."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from reelmill.cli.app import app

_DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
_FILES = sorted(path for path in _DEPLOY.rglob("*") if path.is_file())
_STARTS = re.compile(r"\b(voice|worker|watch)[\s\"',]")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
#: Options of Docker, Redis and sbatch.
_OF_OTHERS = re.compile(
    r"(docker|redis-server|redis-cli|--maxmemory|--requirepass|--appendonly|kubectl|#SBATCH|"
    r"sbatch|--from-file|--from-literal|useradd|systemctl|--home-dir|--shell)"
)


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_options_in_files_for_deployment_exist(file: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    known = {
        name
        for command in ("voice", "worker", "watch")
        for parameter in commands[command].params
        for name in parameter.opts + parameter.secondary_opts
    }
    lines = [line for line in file.read_text("utf-8").splitlines() if not _OF_OTHERS.search(line)]
    text = "\n".join(lines)
    assert _STARTS.search(text), "it starts one of our commands"
    assert set(_OPTION.findall(text)) <= known
