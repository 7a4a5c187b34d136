"""Parameters as the API describes them."""

from __future__ import annotations

import base64

import pytest

from reelmill.web.openai.errors import ApiError
from reelmill.web.openai.limits import EndpointLimits
from reelmill.web.openai.parameters import Parameters, RunSettings, Sample, Task, read_parameters

SAMPLE = "data:audio/wav;base64," + base64.b64encode(b"sound").decode()


def read(task: Task = "transcribe", **given: str | list[str]) -> Parameters:
    fields = {name: [one] if isinstance(one, str) else one for name, one in given.items()}
    return read_parameters({"model": ["whisper-1"], **fields}, task, EndpointLimits())


def test_parameters__without_any__are_those_of_the_api() -> None:
    # proves: W2
    found = read()
    assert (found.format, found.stream, found.granularities) == ("json", False, {"segment"})
    assert found.settings("base") == RunSettings("base")


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ({"language": "ko"}, RunSettings("base", ("ko",))),
        ({"language": "Korean"}, RunSettings("base", ("ko",))),
        ({"languages": ["ko", "en"]}, RunSettings("base", ("ko", "en"))),
        ({"prompt": " Kim\n and Lee "}, RunSettings("base", prompt="Kim and Lee")),
        ({"keywords": ["Osaka", "won"]}, RunSettings("base", keywords=("Osaka", "won"))),
        ({"response_format": "srt"}, RunSettings("base", has_times=True)),
        ({"stream": "true"}, RunSettings("base", has_times=True, previews=True)),
        (
            {"stream": "true", "response_format": "diarized_json"},
            RunSettings("base", has_times=True, has_speakers=True),
        ),
        ({"temperature": "0.5", "chunking_strategy": "auto"}, RunSettings("base", temperature=0.5)),
        (
            {"chunking_strategy": '{"type": "server_vad", "prefix_padding_ms": 300}'},
            RunSettings("base", detection=(("speech_padding_ms", 300),)),
        ),
        (
            {"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "0.7"},
            RunSettings("base", detection=(("speech_threshold", 0.7),)),
        ),
        (
            {
                "response_format": "diarized_json",
                "known_speaker_names": ["Kim"],
                "known_speaker_references": [SAMPLE],
            },
            RunSettings(
                "base", has_times=True, has_speakers=True, samples=(Sample("Kim", b"sound"),)
            ),
        ),
    ],
)
def test_parameters__decide_the_run(given, settings: RunSettings) -> None:
    # proves: W2
    assert read(**given).settings("base") == settings


@pytest.mark.parametrize(
    ("given", "param", "code"),
    [
        ({"model": ""}, "model", "missing_required_parameter"),
        ({"model": ["a", "b"]}, "model", None),
        ({"vad_filter": "true"}, "vad_filter", "unknown_parameter"),
        ({"response_format": "docx"}, "response_format", "invalid_value"),
        ({"stream": "maybe"}, "stream", "invalid_value"),
        ({"stream": "true", "response_format": "srt"}, "stream", None),
        ({"temperature": "nan"}, "temperature", "invalid_value"),
        ({"temperature": "1.1"}, "temperature", "invalid_value"),
        ({"temperature": "hot"}, "temperature", "invalid_value"),
        ({"language": "xx"}, "language", "invalid_language"),
        ({"language": "ko,en"}, "language", None),
        ({"language": "ko", "languages": ["en"]}, "languages", None),
        ({"prompt": "a" * 8193}, "prompt", "string_above_max_length"),
        ({"keywords": ["a" * 5000, "b" * 5000]}, "keywords", "string_above_max_length"),
        ({"include": ["logprobs"]}, "include", None),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities", None),
        (
            {"timestamp_granularities": ["letter"], "response_format": "verbose_json"},
            "timestamp_granularities",
            "invalid_value",
        ),
        ({"chunking_strategy": "often"}, "chunking_strategy", "invalid_value"),
        ({"chunking_strategy": '{"type": "server_vad", "threshold": 7}'}, "chunking_strategy",
         "invalid_value"),
        ({"chunking_strategy": "[1]"}, "chunking_strategy", "invalid_value"),
        ({"known_speaker_names": ["Kim"]}, "known_speaker_names", None),
    ],
)  # fmt: skip
def test_parameters__that_are_wrong__are_named(given, param, code) -> None:
    # proves: W2
    with pytest.raises(ApiError) as raised:
        read(**given)
    assert (raised.value.status, raised.value.param, raised.value.code) == (400, param, code)


@pytest.mark.parametrize(
    ("names", "references", "status"),
    [
        (["Kim"], [], 400),
        (["Kim", "Kim"], [SAMPLE] * 2, 400),
        (list("abcde"), [SAMPLE] * 5, 400),
        (["Kim"], ["https://example.org/kim.wav"], 400),
        (["Kim"], ["data:audio/wav;base64,!"], 400),
        (["Kim"], ["data:audio/wav;base64," + "A" * (5 << 20)], 413),
    ],
)
def test_known_speakers__that_cannot_be_used__are_refused(names, references, status) -> None:
    # proves: W2
    with pytest.raises(ApiError) as raised:
        read(
            response_format="diarized_json",
            known_speaker_names=names,
            known_speaker_references=references,
        )
    assert raised.value.status == status


def test_translations__take_less() -> None:
    # proves: W2
    assert read("translate", response_format="srt").settings("base").translate
    for given in ({"language": "ko"}, {"stream": "true"}):
        with pytest.raises(ApiError, match="Unknown parameter"):
            read("translate", **given)
    with pytest.raises(ApiError, match="Supported values are: json, text, srt, vtt, verbose_json"):
        read("translate", response_format="diarized_json")
