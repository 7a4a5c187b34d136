"""Notices reach only the context that started the work."""

from __future__ import annotations

import logging
import threading

import pytest

from reelmill.core.notices import announce, heard_by


def test_runs_in_two_threads_hear_only_their_own_notices() -> None:
    meeting = threading.Barrier(2)
    heard: dict[str, list[str]] = {"one": [], "two": []}

    def work(name: str) -> None:
        with heard_by(heard[name].append):
            meeting.wait()
            announce(f"from {name}")
            meeting.wait()

    threads = [threading.Thread(target=work, args=(name,)) for name in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {"one": ["from one"], "two": ["from two"]}


def test_a_notice_is_logged_by_the_announcing_module(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        announce("100 % of it")
    assert [(one.name, one.message) for one in caplog.records] == [(__name__, "100 % of it")]
