"""A headless Chromium, controlled over a pipe (the Chrome DevTools Protocol)."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import HEADLESS

needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")

#: What a script of a test may use.
_HELPERS = """
const one = selector => document.querySelector(selector);
const all = selector => [...document.querySelectorAll(selector)];
const pause = time => new Promise(done => setTimeout(done, time));
const until = async test => { while (!test()) await pause(20); };
const press = (code, more) => document.body.dispatchEvent(
  new KeyboardEvent("keydown", { code, bubbles: true, cancelable: true, ...more }));
const type = (field, text) => { field.value = text; field.dispatchEvent(new Event("input")); };
const overflow = () => Math.max(0, document.documentElement.scrollWidth - innerWidth);
"""
_PATIENCE = 120.0
_LOADED = "Page.loadEventFired"


class Chrome:
    """One browser for many pages."""

    def __init__(self, profile: Path) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        command = [
            "chromium",
            *HEADLESS,
            "--remote-debugging-pipe",
            "--allow-file-access-from-files",
            "--autoplay-policy=no-user-gesture-required",
            "--mute-audio",
            f"--user-data-dir={profile}",
        ]
        # The browser reads descriptor 3 and writes descriptor 4.
        shell = ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", *command]
        self._process = subprocess.Popen(
            shell, pass_fds=(to_browser, from_browser), stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number = 0
        self._data = b""
        self._seen: list[dict[str, Any]] = []

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        os.close(self._write)
        os.close(self._read)

    def open(
        self, page: Path | str, size: tuple[int, int] = (1200, 800), fragment: str = ""
    ) -> Page:
        """Open a page from the disk, or at an address, and wait until it is loaded."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        opened = Page(self, target, session)
        for domain in ("Page", "Runtime", "Log"):
            opened.ask(f"{domain}.enable")
        opened.ask("Performance.enable", timeDomain="threadTicks")
        opened.resize(*size)
        opened.go(page if isinstance(page, str) else page.as_uri() + fragment)
        return opened

    def ask(self, method: str, session: str | None = None, **values: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": values}
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._seen.append(answer)
        assert "error" not in answer, answer
        return dict(answer["result"])

    def wait_for(self, method: str, session: str, after: int = 0) -> None:
        """Wait for an event of a page, one that comes after so many of them."""
        while sum(one.get("method") == method for one in self.events(session)) <= after:
            self._seen.append(self._next())

    def events(self, session: str) -> list[dict[str, Any]]:
        return [one for one in self._seen if one.get("sessionId") == session]

    def _next(self) -> dict[str, Any]:
        import select

        while b"\0" not in self._data:
            ready, _, _ = select.select([self._read], [], [], _PATIENCE)
            assert ready, "the browser says nothing"
            data = os.read(self._read, 1 << 20)
            assert data, "the browser has ended"
            self._data += data
        line, _, self._data = self._data.partition(b"\0")
        return dict(json.loads(line))


class Page:
    """A page in the browser."""

    def __init__(self, chrome: Chrome, target: str, session: str) -> None:
        self._chrome, self._target, self._session = chrome, target, session

    def ask(self, method: str, **values: Any) -> dict[str, Any]:
        return self._chrome.ask(method, self._session, **values)

    def go(self, address: str) -> None:
        """Go to an address, and wait until the page is loaded."""
        before = self.loads
        self.ask("Page.navigate", url=address)
        self.wait_for_load(before)

    @property
    def loads(self) -> int:
        """How often it was loaded."""
        return sum(one["method"] == _LOADED for one in self._chrome.events(self._session))

    def wait_for_load(self, before: int) -> None:
        """Wait until it is loaded once more, also if it does so itself."""
        self._chrome.wait_for(_LOADED, self._session, before)

    def drop(self, selector: str, files: list[Path]) -> None:
        """Drop files from the disk on an element."""
        x, y = self.use(
            f"const box = one({selector!r}).getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2];"
        )
        data = {"items": [], "files": list(map(str, files)), "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.ask("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def resize(self, width: int, height: int) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def dark(self) -> None:
        feature = {"name": "prefers-color-scheme", "value": "dark"}
        self.ask("Emulation.setEmulatedMedia", features=[feature])

    def cpu_seconds(self) -> float:
        """What the page's thread has worked since it was opened: unlike the time on a clock, this
        is the same on a busy machine."""
        metrics = self.ask("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    def use(self, script: str, refused: int = 0) -> Any:
        """Run an async script in the page; what it returns. `refused`: how many times the page's
        policy refuses something, as the console says.

        Raises:
            AssertionError: the script fails, or something is in the browser's console.
        """
        answer = self.ask(
            "Runtime.evaluate",
            expression=f"(async () => {{ {_HELPERS}\n{script} }})()",
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        told = self.console()
        assert len(told) == refused and all(
            "Content Security Policy" in str(one) for one in told
        ), told
        return answer["result"].get("value")

    def console(self) -> list[Any]:
        """Errors and messages since the page was opened."""
        told = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [one for one in self._chrome.events(self._session) if one["method"] in told]

    def picture(self, path: Path) -> None:
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def pdf(self, path: Path) -> None:
        data = self.ask("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        self._chrome.ask("Target.closeTarget", targetId=self._target)


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    browser = Chrome(tmp_path_factory.mktemp("profile"))
    try:
        yield browser
    finally:
        browser.close()
