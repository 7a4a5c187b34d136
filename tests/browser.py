"""The browser in which tests open pages."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

#: Without a window, a first-run page, updates and other activity of its own.
HEADLESS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
)

_PATIENCE_S = 45.0


def looked_at(folder: Path, *options: str) -> tuple[str, str]:
    """What a browser prints and logs that is begun anew with `options`. One that hangs, as it
    sometimes does on a busy machine, is killed and begun once more.

    Args:
        folder: for its profile and what it prints.
    """
    for attempt in (1, 2):
        profile = f"--user-data-dir={folder / f'profile {attempt}'}"
        command = ["chromium", "--enable-logging=stderr", *HEADLESS, profile, *options]
        printed, logged = folder / f"printed {attempt}", folder / f"logged {attempt}"
        with printed.open("wb") as out, logged.open("wb") as log:
            browser = subprocess.Popen(command, stdout=out, stderr=log, start_new_session=True)
        try:
            browser.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(browser.pid, signal.SIGKILL)
            continue
        return printed.read_text("utf-8", "replace"), logged.read_text("utf-8", "replace")
    raise AssertionError(f"the browser hung twice: {' '.join(command)}")
