"""How the command ends: correct exit codes for any output, and never a traceback."""

# proves: G21

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "from reelmill.cli.main import main; main()"


def shell(line: str, tmp_path: Path, script: str = MAIN) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `"$@"` is the command."""
    return subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "REELMILL_CACHE": str(tmp_path / "cache")},
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('"$@" --version | true; exit ${PIPESTATUS[0]}', 0),
        ('"$@" --version > /dev/full', 0),
        ('"$@" --version >&- 2>&-', 0),
        ('"$@" verify /nowhere 2> /dev/full', 2),
        ('"$@" verify /nowhere 2>&-', 2),
        ('"$@" verify --unknown 2>&- >&- <&-', 2),
    ],
)
def test_closed_or_full_output_does_not_change_the_exit_code(
    tmp_path: Path, line: str, code: int
) -> None:
    done = shell(line, tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_the_descriptor_of_a_closed_stream_is_not_reused(tmp_path: Path) -> None:
    """Without a standard error, the next file opened would be number 2."""
    script = f"""
import os, sys
from reelmill.cli.streams import hold_streams
hold_streams()
with open({str(tmp_path / "database")!r}, "w") as file:
    print("a warning", file=sys.stderr)
    os.write(2, b"a library's warning")
    os.write(1, str(file.fileno()).encode())
"""
    done = shell('"$@" 2>&-', tmp_path, script)
    assert int(done.stdout) > 2
    assert (tmp_path / "database").read_bytes() == b""


@pytest.mark.parametrize("option", ["verify {}", "stage probe {}"])
def test_a_path_that_the_system_refuses_is_a_usage_error(tmp_path: Path, option: str) -> None:
    arguments = ["reelmill", *option.format("x" * 5000).split()]
    done = shell('"$@"', tmp_path, f"import sys; sys.argv = {arguments!r}\n{MAIN}")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "internal" not in done.stderr


def test_an_internal_error_prints_a_sentence_and_writes_a_log(tmp_path: Path) -> None:
    script = f"""
import sys, reelmill.commands.doctor as commands
def broken(out):
    raise TypeError("half a \\x1b[2J thing")
commands.run_doctor = broken
sys.argv = ["reelmill", "doctor"]
{MAIN}
"""
    done = shell('"$@"', tmp_path, script)
    assert done.returncode == 4
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(r"reelmill: internal error (half a \x1b[2J thing). ")
    [log] = (tmp_path / "cache" / "internal-errors").iterdir()
    assert str(log) in done.stderr
    assert "Traceback" in log.read_text() and log.stat().st_mode & 0o777 == 0o600


def test_an_internal_error_is_reported_even_if_no_log_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    script = f"import sys; sys.modules['reelmill.cli.app'] = None\n{MAIN}"
    done = shell('"$@"', tmp_path, script)
    assert done.returncode == 4
    assert "No log could be written" in done.stderr and "Traceback" not in done.stderr


def test_errors_in_threads_and_libraries_print_no_traceback(tmp_path: Path) -> None:
    script = f"""
import logging, sys, threading, reelmill.commands.doctor as commands
def careless(out):
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    try:
        {{}}["lost"]
    except KeyError:
        logging.getLogger("library").exception("could not look it up")
    return 0
commands.run_doctor = careless
sys.argv = ["reelmill", "doctor"]
{MAIN}
"""
    done = shell('"$@"', tmp_path, script)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "division by zero" in done.stderr and "error: could not look it up" in done.stderr


@pytest.mark.parametrize("argument", ["/no\x1b[2Jwhere\nOK: all is well", "--o\x1b[2J"])
def test_control_characters_in_arguments_are_escaped_on_the_terminal(
    tmp_path: Path, argument: str
) -> None:
    script = f"import sys; sys.argv = ['reelmill', 'verify', {argument!r}]\n{MAIN}"
    done = shell('"$@"', tmp_path, script)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr and r"\x1b[2J" in done.stderr
    assert not any(line.startswith("OK") for line in done.stderr.splitlines())


def test_a_command_starts_without_what_only_its_work_needs() -> None:
    """Nothing runs beside the first imports, so each of these would make every command slower."""
    script = (
        "import sys; import reelmill.cli.app, reelmill.commands.task\n"
        "slow = {'numpy', 'av', 'PIL', 'jinja2', 'http.client', 'onnxruntime', 'cryptography'}\n"
        "print(*sorted(slow & sys.modules.keys()))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert told.stdout.split() == []


@pytest.mark.parametrize(
    ("option", "said"),
    [("", "not found; give files"), ("--store s3://bucket/calls", "--store goes with --on")],
)
def test_a_store_is_refused_only_where_one_is_given(option: str, said: str, tmp_path: Path) -> None:
    told = shell(f'"$@" faces {tmp_path}/missing.mp4 -o {tmp_path}/out {option}', tmp_path)
    assert told.returncode == 2 and said in told.stderr
