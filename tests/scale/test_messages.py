"""Messages between machines: what is not ours is refused."""

# proves: G17

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.core.keys import Seal
from reelmill.errors import Failure
from reelmill.scale.executor import RecordingEnded, ShardDone, ShardFailed, ShardStarted
from reelmill.scale.messages import (
    MOST_BYTES,
    MessageError,
    Place,
    ShardRecording,
    ShardTask,
    Work,
    packed_events,
    packed_task,
    unpacked_events,
    unpacked_task,
)

SEAL, OTHER = Seal(b"ours" * 8), Seal(b"else" * 8)
WORK = Work(
    "voice",
    {"model": "demo", "to": ["ko", "en"], "align": True, "initial_prompt": "/ 안녕 ../"},
    {"recognize": "abc123"},
    Place("data", "out/통화"),
    3,
)
TASK = ShardTask(
    "job", "first", "shard-1", WORK, [ShardRecording(Place("data", "calls/통화 1.wav"), 44)], 1.5
)


def test_a_task_arrives_as_it_was_sent() -> None:
    assert unpacked_task(packed_task(TASK, SEAL), SEAL) == TASK


def test_events_arrive_as_they_were_sent() -> None:
    events = [
        ShardStarted("shard-1", "host-7", "cuda:0"),
        RecordingEnded("shard-1", "host-7", 3, "0" * 64, 12.5, 1.0),
        RecordingEnded("s", "h", 0, failure=Failure("decode", "input", "damaged", 1, True)),
        ShardDone("shard-1", "host-7", {"abc": 1.5}, 60.0),
        ShardFailed("shard-1", "host-7", "no model"),
    ]
    (text,) = packed_events(events, SEAL)
    assert unpacked_events(text, SEAL) == events


def test_events_that_do_not_fit_into_a_message_are_sent_in_several() -> None:
    failure = Failure("decode", "input", "길다" * 9000, 1, True)
    events = [RecordingEnded("s", "h", at, failure=failure) for at in range(100)]
    texts = packed_events(events, SEAL)
    assert len(texts) > 1 and all(len(text.encode()) <= MOST_BYTES for text in texts)
    assert [event for text in texts for event in unpacked_events(text, SEAL)] == events


def changed(**fields: Any) -> ShardTask:
    return dataclasses.replace(TASK, **fields)


def of_work(**fields: Any) -> ShardTask:
    return changed(work=dataclasses.replace(WORK, **fields))


def at(path: str, root: str = "data") -> ShardTask:
    return changed(recordings=[ShardRecording(Place(root, path), 1)])


@pytest.mark.parametrize(
    "task",
    [
        at("../secret.wav"),
        at("calls/../../secret.wav"),
        at("/etc/passwd"),
        at("calls//a.wav"),
        at("./a.wav"),
        at(""),
        at("a\0b"),
        at("a.wav", root="../data"),
        at("a.wav", root="/"),
        at("x" * 5000),
        changed(recordings=[]),
        changed(recordings=TASK.recordings * 1001),
        changed(job="../job"),
        changed(cost=float("inf")),
        changed(attempt=0),
        of_work(out=Place("data", "../elsewhere")),
        of_work(priority=10),
        of_work(digests={}),
        of_work(settings={"python": "/tmp/evil"}),
        of_work(settings={"out": "elsewhere"}),
        of_work(settings={"adopt": True}),
        of_work(settings={"model": "/home/me/model"}),
        of_work(settings={"model": "../model"}),
        of_work(settings={"speaker_encoder": "~/net.onnx"}),
        of_work(settings={"stages": ["./stage"]}),
        of_work(settings={"model": {"name": "demo"}}),
        of_work(settings={"initial_prompt": "x" * 30_000}),
    ],
)
def test_what_breaks_the_schema_is_refused(task: ShardTask) -> None:
    with pytest.raises(MessageError, match="schema"):
        unpacked_task(packed_task(task, SEAL), SEAL)


def resealed(change: Any) -> str:
    content = json.loads(packed_task(TASK, SEAL))
    change(content)
    return SEAL.signed("shard", content).decode()


def test_fields_that_nobody_knows_or_of_another_type_are_refused() -> None:
    for change in (
        lambda content: content.update(callback="os.system"),
        lambda content: content["work"].update(python="x"),
        lambda content: content.pop("work"),
        lambda content: content.update(attempt="1"),
        lambda content: content.update(recordings={"0": 1}),
    ):
        with pytest.raises(MessageError, match="schema"):
            unpacked_task(resealed(change), SEAL)


def test_what_was_not_sealed_with_the_key_is_refused() -> None:
    good = packed_task(TASK, SEAL)
    for text in (packed_task(TASK, OTHER), good.replace("calls", "other"), "", "{}", good[:-2]):
        with pytest.raises(MessageError, match="key"):
            unpacked_task(text, SEAL)
    with pytest.raises(MessageError, match="key"):
        unpacked_events(good, SEAL)  # a task is no event, although sealed with the same key


def test_what_is_no_text_or_too_long_is_refused_unread() -> None:
    for message in (pickle.dumps(TASK), ["x"], None, 7, {"job": 1}):
        with pytest.raises(MessageError, match="not a message"):
            unpacked_task(message, SEAL)
    with pytest.raises(MessageError, match="bytes"):
        unpacked_task("x" * (MOST_BYTES + 1), SEAL)
    huge = [ShardRecording(Place("data", "x" * 3000), 1)] * 900
    with pytest.raises(MessageError, match="bytes"):
        packed_task(changed(recordings=huge), SEAL)


def test_deep_nesting_is_refused() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    body = f'{{\n "kind": "shard",\n "work": {deep}'
    sealed = body + f',\n "mac": "{SEAL.of("shard", body.encode())}"\n}}\n'
    with pytest.raises(MessageError, match="schema"):
        unpacked_task(sealed, SEAL)


@given(st.text(max_size=200))
def test_any_text_is_refused_or_a_task(text: str) -> None:
    with pytest.raises(MessageError):
        unpacked_task(text, SEAL)
