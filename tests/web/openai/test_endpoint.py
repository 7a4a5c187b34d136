"""The official client against the endpoint: every format, every kind of error, and its limits."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import srt
import webvtt

from reelmill.core.paths import ASSETS
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.web.openai.limits import EndpointLimits
from tests.media.make import FORMATS, write
from tests.web.serving import TOKEN, Serving, serving

SAMPLES = ASSETS / "samples"
VOICEMAIL = SAMPLES / "voicemail.wav"
CALL = SAMPLES / "call with the bank.mp3"
SAID = "Emma called me four times this week."
LIMITS = EndpointLimits(per_client=12, recordings=6, open_runs=3)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        # The demo model writes no English for other languages, but it does write something.
        patch.setattr(WhisperSpec, "why_not_translating", None)
        patch.chdir(data.parent)  # --data may be relative
        with serving(
            Path(data.name), model="demo", endpoint=LIMITS, max_upload=20 << 20
        ) as running:
            yield running
    assert not [path for path in (data / "endpoint").rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def client(server: Serving) -> openai.OpenAI:
    return openai.OpenAI(api_key=TOKEN, base_url=f"{server.address}/v1", max_retries=0)


def transcribed(client: openai.OpenAI, path: Path = VOICEMAIL, **asked: Any) -> Any:
    with path.open("rb") as file:
        return client.audio.transcriptions.create(file=file, **{"model": "whisper-1", **asked})


def uploads(server: Serving) -> list[Path]:
    return list((server.settings.data / "endpoint" / "uploads").iterdir())


def eventually(condition: Any, seconds: float = 60.0) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return bool(condition())


# -- formats


def test_json_and_text(server: Serving, client: openai.OpenAI) -> None:
    # proves: W2
    found = transcribed(client)
    assert found.text.startswith(SAID)
    assert (found.usage.type, found.usage.seconds) == ("duration", 12)
    assert transcribed(client, response_format="text") == found.text + "\n"
    assert uploads(server) == []


def test_srt_and_vtt_have_the_times_of_the_recording(client: openai.OpenAI) -> None:
    # proves: W2
    cues = list(srt.parse(transcribed(client, response_format="srt")))
    assert cues[0].content == SAID
    assert cues[0].start.total_seconds() == pytest.approx(0.42, abs=0.3)
    captions = webvtt.from_string(transcribed(client, response_format="vtt"))
    assert [one.text for one in captions] == [one.content for one in cues]
    assert captions[0].start_in_seconds == int(cues[0].start.total_seconds())


def test_verbose_json_has_segments_and_words(client: openai.OpenAI) -> None:
    # proves: W2
    found = transcribed(
        client, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert (found.language, found.duration) == ("english", 12.0)
    segment = found.segments[0]
    assert (segment.id, segment.text, segment.temperature) == (0, f" {SAID}", 0.0)
    assert segment.avg_logprob < 0 and segment.compression_ratio > 0 and segment.tokens
    assert [word.word for word in found.words[:3]] == ["Emma", "called", "me"]
    assert found.words[1].start == pytest.approx(0.61, abs=0.25)
    assert "".join(one.text for one in found.segments).strip() == found.text
    words_alone = transcribed(
        client, response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert words_alone.segments is None and words_alone.words == found.words
    assert transcribed(client, response_format="verbose_json").words is None


def test_diarized_json_has_speakers_and_the_names_of_known_ones(client: openai.OpenAI) -> None:
    # proves: W2
    found = transcribed(client, CALL, response_format="diarized_json", chunking_strategy="auto")
    assert (found.task, found.duration) == ("transcribe", 40.0)
    assert found.segments[0].speaker == "A"
    assert {one.speaker for one in found.segments} == {"A", "B"}
    assert found.segments[0].id == "seg_001"
    assert " ".join(one.text for one in found.segments) == found.text
    first = next(one for one in found.segments if one.speaker == "B")
    known = transcribed(
        client,
        CALL,
        response_format="diarized_json",
        known_speaker_names=["the bank"],
        known_speaker_references=[_sample_of(CALL, "B", seconds=2)],
    )
    (same,) = [one for one in known.segments if one.start == first.start]
    assert same.speaker == "the bank"
    assert {one.speaker for one in known.segments} == {"A", "the bank"}


def _sample_of(path: Path, speaker: str, seconds: float) -> str:
    """What a speaker says, as a data URL."""
    from reelmill.media.audio.decode import decode

    truth = json.loads((SAMPLES / "truth" / f"{path.name}.json").read_text("utf-8"))
    sound = bytearray()
    sink = type("Sink", (), {"write": staticmethod(lambda data: sound.extend(data) or len(data))})
    decode(path, sink())
    samples = np.frombuffer(sound, "<i2")
    said = [one for one in truth["utterances"] if one["speaker"] == speaker]
    pieces = [samples[int(one["start"] * 16e3) : int(one["end"] * 16e3)] for one in said]
    said_alone = np.concatenate(pieces)[: round(seconds * 16e3)]
    return "data:audio/wav;base64," + base64.b64encode(_wav(said_alone)).decode()


def _wav(samples: np.ndarray) -> bytes:
    import io
    import wave

    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(samples.tobytes())
    return file.getvalue()


def test_streaming_gives_pieces_that_make_up_the_text(client: openai.OpenAI) -> None:
    # proves: W2
    *deltas, done = transcribed(client, stream=True)
    assert {one.type for one in deltas} == {"transcript.text.delta"}
    assert len(deltas) > 1
    assert done.type == "transcript.text.done"
    assert "".join(one.delta for one in deltas) == done.text == transcribed(client).text


def test_a_diarized_stream_has_segments(client: openai.OpenAI) -> None:
    # proves: W2
    found = list(transcribed(client, stream=True, response_format="diarized_json"))
    segments = [one for one in found if one.type == "transcript.text.segment"]
    deltas = [one for one in found if one.type == "transcript.text.delta"]
    assert segments and {one.speaker for one in segments} == {"A"}
    assert [one.segment_id for one in deltas] == [one.id for one in segments]
    assert found[-1].text.startswith(SAID)


def test_translations_are_english(client: openai.OpenAI) -> None:
    # proves: W2
    given = {"model": "whisper-1", "file": VOICEMAIL}
    assert client.audio.translations.create(**given).text
    verbose = client.audio.translations.create(**given, response_format="verbose_json")
    assert verbose.language == "english" and verbose.segments
    assert "-->" in client.audio.translations.create(**given, response_format="srt")
    assert client.audio.translations.create(**given, response_format="vtt").startswith("WEBVTT")
    assert client.audio.translations.create(**given, response_format="text").strip()


# -- inputs and parameters


def test_recordings_of_several_clients_at_once_in_formats_that_browsers_and_phones_make(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    # proves: W2
    import wave

    with wave.open(str(VOICEMAIL)) as wav:
        rate = wav.getframerate()
        sound = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.float32) / 32768
    files = []
    for name in ("wav", "mp3", "m4a", "opus", "webm", "flac"):
        container, codec, wanted = FORMATS[name]
        at = np.arange(round(len(sound) * wanted / rate)) * rate / wanted
        path = tmp_path / f"voicemail.{name}"
        resampled = np.interp(at, np.arange(len(sound)), sound).astype(np.float32)[None]
        write(path, resampled, container=container, codec=codec, rate=wanted)
        files.append(path)
    with ThreadPoolExecutor(len(files)) as clients:
        texts = list(clients.map(lambda path: transcribed(client, path).text, files))
    for path, text in zip(files, texts, strict=True):
        assert text.startswith(SAID), path.name


def test_temperature_draws_and_a_file_that_is_sent_again_gets_the_same_text(
    client: openai.OpenAI,
) -> None:
    # proves: W2
    asked = {"temperature": 0.9, "response_format": "verbose_json", "language": "en"}
    with ThreadPoolExecutor(2) as pool:
        alone, _ = pool.map(lambda file: transcribed(client, file, **asked), (VOICEMAIL, CALL))
    assert {one.temperature for one in alone.segments} <= {0.9, 1.0}
    likeliest = transcribed(client, response_format="verbose_json", language="en")
    measured = [one.avg_logprob for one in alone.segments]
    assert measured != [one.avg_logprob for one in likeliest.segments]
    again = transcribed(client, **asked)
    assert (again.text, [one.avg_logprob for one in again.segments]) == (alone.text, measured)


def test_speech_detection_follows_the_chunking_strategy(client: openai.OpenAI) -> None:
    # proves: W2
    deaf = {"type": "server_vad", "threshold": 1.0}
    assert transcribed(client, chunking_strategy=deaf).text == ""


def test_language_prompt_and_temperature_are_taken(client: openai.OpenAI) -> None:
    # proves: W2
    found = transcribed(
        client,
        language="en",
        prompt="A message by Emma.",
        temperature=0,
        response_format="verbose_json",
    )
    assert found.text.startswith(SAID) and found.language == "english"


def test_models_are_listed_and_openais_names_mean_the_servers_model(
    client: openai.OpenAI,
) -> None:
    # proves: W2
    names = [one.id for one in client.models.list()]
    assert {"whisper-1", "gpt-4o-transcribe-diarize", "demo"} <= {*names}
    assert client.models.retrieve("whisper-1").owned_by == "reelmill"
    assert client.models.retrieve("demo").created > 0
    assert transcribed(client, model="gpt-4o-mini-transcribe").text.startswith(SAID)


# -- errors


@pytest.mark.parametrize(
    ("asked", "kind", "param", "code"),
    [
        ({"model": "nothing"}, openai.NotFoundError, "model", "model_not_found"),
        ({"response_format": "xml"}, openai.BadRequestError, "response_format", "invalid_value"),
        ({"temperature": 2}, openai.BadRequestError, "temperature", "invalid_value"),
        ({"language": "klingon"}, openai.BadRequestError, "language", "invalid_language"),
        ({"extra_body": {"x": 1}}, openai.BadRequestError, "x", "unknown_parameter"),
        ({"file": ("a.wav", b"nothing")}, openai.BadRequestError, "file", "invalid_audio"),
        ({"file": ("a.wav", b"")}, openai.BadRequestError, "file", "invalid_audio"),
        (
            {
                "response_format": "diarized_json",
                "known_speaker_names": ["Kim"],
                "known_speaker_references": ["data:audio/wav;base64,AAAA"],
            },
            openai.BadRequestError,
            "known_speaker_references",
            "invalid_audio",
        ),
    ],
)
def test_errors_are_those_that_the_client_knows(
    client: openai.OpenAI, asked: dict[str, Any], kind: type[openai.APIStatusError], param, code
) -> None:
    # proves: W2
    given = {"file": VOICEMAIL, "model": "whisper-1", **asked}
    with pytest.raises(kind) as raised:
        client.audio.transcriptions.create(**given)
    assert (raised.value.param, raised.value.code) == (param, code)
    assert raised.value.type == "invalid_request_error"
    assert "/" not in raised.value.message.replace("multipart/form-data", "")


def test_a_wrong_token_and_a_large_file_are_refused_in_the_apis_form(
    server: Serving, client: openai.OpenAI
) -> None:
    # proves: W2 W4
    stranger = openai.OpenAI(api_key="wrong", base_url=client.base_url, max_retries=0)
    with pytest.raises(openai.AuthenticationError) as raised:
        stranger.models.list()
    assert raised.value.code == "invalid_api_key"
    with pytest.raises(openai.APIStatusError) as too_large:
        transcribe_bytes(client, bytes(server.settings.max_upload + 1))
    assert (too_large.value.status_code, too_large.value.code) == (413, "file_too_large")


def transcribe_bytes(client: openai.OpenAI, data: bytes) -> Any:
    return client.audio.transcriptions.create(file=("a.wav", data), model="whisper-1")


# -- clients that cost only themselves


#: The head of a form's file.
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'


def _begun(server: Serving, length: int, sent: bytes) -> socket.socket:
    """A connection on which a form was begun: its length, and as much of it as `sent`."""
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: {server.settings.host}\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n"
        "Connection: close\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    connection = socket.create_connection((server.settings.host, server.settings.port))
    connection.sendall(head.encode() + sent)
    return connection


def test_clients_that_hang_take_no_place_of_others_and_leave_nothing(
    server: Serving, client: openai.OpenAI
) -> None:
    # proves: W2 W4
    hanging = [_begun(server, 5_000_000, FILE) for _ in range(LIMITS.per_client)]
    try:
        assert eventually(lambda: len(uploads(server)) == LIMITS.per_client)
        with pytest.raises(openai.RateLimitError) as raised:
            transcribed(client)
        assert raised.value.code == "rate_limit_exceeded"
        assert 1 <= int(raised.value.response.headers["retry-after"]) <= 60
        assert SAID in _said_to_another_program(server)
    finally:
        for one in hanging:
            one.close()
    assert eventually(lambda: not uploads(server))
    assert transcribed(client).text.startswith(SAID)


def _said_to_another_program(server: Serving) -> str:
    """The answer to a process of its own, with the same token."""
    model = b'\r\n--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1'
    body = FILE + VOICEMAIL.read_bytes() + model + b"\r\n--x--\r\n"
    asking = (
        "import sys, urllib.request as r; print(r.urlopen(r.Request(sys.argv[1],"
        "sys.stdin.buffer.read(), {'Authorization': 'Bearer ' + sys.argv[2],"
        "'Content-Type': 'multipart/form-data; boundary=x'})).read().decode())"
    )
    address = f"{server.address}/v1/audio/transcriptions"
    command = [sys.executable, "-c", asking, address, TOKEN]
    done = subprocess.run(command, input=body, capture_output=True, timeout=120, check=True)
    return done.stdout.decode()


def test_a_client_that_states_a_wrong_length_gets_an_error(server: Serving) -> None:
    # proves: W2 W4
    short = _begun(server, 200, FILE + b"x" * 400)
    with short, short.makefile("rb") as answered:
        answer = answered.read().decode()
    assert answer.startswith("HTTP/1.1 400")
    assert '"the form is cut off: its last boundary is missing"' in answer
    assert eventually(lambda: not uploads(server))


def test_a_client_that_leaves_while_it_waits_frees_its_place(server: Serving) -> None:
    # proves: W2
    model = b'\r\n--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1'
    body = FILE + CALL.read_bytes() + model + b"\r\n--x--\r\n"
    turns = server.app.state.transcriber.turns
    with _begun(server, len(body), body):
        assert eventually(lambda: turns.at_work)
    assert eventually(lambda: turns.is_idle)
    assert not turns.at_work and not uploads(server)


def test_runs_begin_anew_and_keep_nothing_of_a_request(
    server: Serving, client: openai.OpenAI
) -> None:
    # proves: W2
    for _ in range(LIMITS.recordings + 2):
        assert transcribed(client).text.startswith(SAID)
    folder = server.settings.data / "endpoint" / "runs"
    assert eventually(lambda: len(list(folder.iterdir())) <= LIMITS.open_runs)
    files = [Path(at, name) for at, _, names in os.walk(folder) for name in names]
    assert not [path for path in files if _says(path, rb"four times|forty people")]


def _says(path: Path, text: bytes) -> bool:
    try:
        return path.is_file() and re.search(text, path.read_bytes()) is not None
    except FileNotFoundError:  # a run that ends removes its files
        return False


def test_clients_that_ask_for_different_things_at_once(client: openai.OpenAI) -> None:
    # proves: W2
    barrier = threading.Barrier(4)

    def ask(language: str) -> Any:
        barrier.wait()
        return transcribed(client, language=language, response_format="verbose_json")

    with ThreadPoolExecutor(4) as clients:
        found = list(clients.map(ask, ["en", "ko", "en", "ko"]))
    assert [one.language for one in found] == ["english", "korean", "english", "korean"]
    assert found[0].text == found[2].text and found[0].text.startswith(SAID)
