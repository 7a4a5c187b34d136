"""The loaded model: the same texts as faster-whisper, for any neighbours of a window."""

import sys
from dataclasses import replace
from subprocess import run
from types import SimpleNamespace

import numpy as np
import pytest
import tokenizers
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor

from reelmill.engine.stage import Device
from reelmill.errors import InputError, ModelUnavailableError
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.features import log_mel
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.models.whisper.whisper import Whisper, likeliest
from tests.models.model_sounds import sound

LANGUAGES = ("en", "ko", "ja")
SECONDS = (2.0, 3.5, 5.0, 8.0, 13.0, 30.0)
#: Every window fails, so that every step of the fallback is taken.
FALLING_BACK = DecodingOptions(
    log_prob_threshold=0.0,
    compression_ratio_threshold=0.0,
    no_speech_threshold=None,
    temperatures=(0.0, 0.4, 1.0),
)


@pytest.fixture(scope="module")
def spec(demo):
    return WhisperSpec(demo.path, demo.name, demo.identity, demo.n_mels)


@pytest.fixture(scope="module")
def whisper(spec):
    model = spec.load(Device("cpu"), 1)
    spec.warm_up(model)
    return model


@pytest.fixture(scope="module")
def windows():
    sounds = [sound(seconds, seed) for seed, seconds in enumerate((*SECONDS, *SECONDS[:3]))]
    return [(LANGUAGES[i % 3], samples) for i, samples in enumerate(sounds)]


def decode(whisper, windows, order, options):
    return whisper.decode(
        [log_mel(windows[i][1]) for i in order], [(windows[i][0],) for i in order], options
    )


@pytest.mark.parametrize(
    "options",
    [DecodingOptions(), FALLING_BACK, DecodingOptions(temperature=0.7)],
    ids=["beam", "fallback", "drawn"],
)
def test_results_do_not_depend_on_neighbours_and_order(whisper, windows, options):
    # proves: G2 G12 V9
    options = replace(options, beam_size=2)
    together = decode(whisper, windows, range(len(windows)), options)
    shuffled = [int(i) for i in np.random.default_rng(0).permutation(len(windows))]
    alone = {i: decode(whisper, windows, [i], options)[0] for i in shuffled}
    assert [alone[i] for i in range(len(windows))] == together
    again = decode(whisper, windows, shuffled, options)
    assert again == [together[i] for i in shuffled]


def test_what_was_said_around_windows_does_not_tie_them_together(whisper, windows):
    # proves: G2 G12 V9
    said = ["press one " * 40, "", "press two", "press star " * 40, ""]
    features = [log_mel(samples) for _, samples in windows[: len(said)]]
    options = DecodingOptions(beam_size=2)
    choices = [("en",)] * len(said)
    together = whisper.decode(features, choices, options, said)
    alone = [
        whisper.decode([one], [("en",)], options, [text])[0]
        for one, text in zip(features, said, strict=True)
    ]
    assert alone == together
    without = whisper.decode(features, choices, options)
    assert [with_it == one for with_it, one in zip(together, without, strict=True)] == [
        False,
        True,
        False,
        False,
        True,
    ]


def test_a_second_process_gives_the_same_result(whisper, windows, spec, tmp_path):
    # proves: G12
    script = f"""
import sys
sys.path[:0] = {[str(p) for p in sys.path]!r}
import numpy as np
from pathlib import Path
from reelmill.engine.stage import Device
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.spec import WhisperSpec
model = WhisperSpec(Path({str(spec.path)!r}), "demo", "x", {spec.n_mels}).load(Device("cpu"), 1)
options = DecodingOptions(log_prob_threshold=0.0, compression_ratio_threshold=0.0,
                          no_speech_threshold=None, temperatures=(0.0, 0.4, 1.0))
print(repr(model.decode([np.load({str(tmp_path / "f.npy")!r})], [("ko",)], options)))
"""
    features = log_mel(windows[1][1])
    np.save(tmp_path / "f.npy", features)
    done = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repr(whisper.decode([features], [("ko",)], FALLING_BACK))


@pytest.mark.parametrize("seconds", [2, 30])
def test_read_only_features_are_accepted(whisper, seconds):
    # proves: G20
    features = log_mel(sound(seconds, 2))
    features.flags.writeable = False
    whisper.decode([features], [("en",)], DecodingOptions(temperatures=(0.0,)))


def test_texts_equal_those_of_faster_whisper(whisper, windows, spec):
    # proves: V3 V9
    theirs = WhisperModel(str(spec.path), device="cpu", compute_type="int8", cpu_threads=1)
    batched = BatchedInferencePipeline(theirs)
    options = DecodingOptions(temperatures=(0.0,), timestamps=True)
    extract = FeatureExtractor(feature_size=spec.n_mels)
    # Their features, so that a rounding in the seventh digit cannot tip a close decision.
    features = [extract(samples)[..., :-1] for _, samples in windows]
    ours = whisper.decode(features, [(language,) for language, _ in windows], options)
    for (language, samples), window in zip(windows, ours, strict=True):
        one_by_one, _ = theirs.transcribe(
            samples, language=language, temperature=0.0, condition_on_previous_text=False
        )
        # A rest of less than a second is looked at again by theirs alone: see decoding.py.
        last_look = len(samples) // 160 - 100
        expected = [
            (s.text.strip(), round(s.start, 2), round(s.end, 2))
            for s in one_by_one
            if s.seek <= last_look or s.seek == 0
        ]
        assert [(s.text, round(s.start, 2), round(s.end, 2)) for s in window.segments] == expected
        in_batches, _ = batched.transcribe(
            samples,
            language=language,
            temperature=0.0,
            without_timestamps=False,
            clip_timestamps=[{"start": 0, "end": len(samples) / 16_000}],
        )
        texts = [segment.text.strip() for segment in in_batches if segment.end > segment.start]
        if len(window.segments) == len(texts):  # theirs drops what comes after a last timestamp
            assert [segment.text for segment in window.segments] == texts


def test_same_text_without_timestamps(whisper, windows, spec):
    # proves: V3 V9
    theirs = BatchedInferencePipeline(
        WhisperModel(str(spec.path), device="cpu", compute_type="int8", cpu_threads=1)
    )
    extract = FeatureExtractor(feature_size=spec.n_mels)
    for language, samples in windows:
        found, _ = theirs.transcribe(
            samples,
            language=language,
            temperature=0.0,
            clip_timestamps=[{"start": 0, "end": len(samples) / 16_000}],
        )
        (mine,) = whisper.decode(
            [extract(samples)[..., :-1]], [(language,)], DecodingOptions(temperatures=(0.0,))
        )
        text = "".join("".join(segment.text.split()) for segment in mine.segments)
        assert text.startswith("".join("".join(one.text.split()) for one in found))
        times = [time for one in mine.segments for time in (one.start, one.end)]
        assert times == sorted(times) and times[-1] <= len(samples) / 16_000


@pytest.mark.parametrize(
    "changes",
    [
        {"initial_prompt": "meeting at nine"},
        {"hotwords": "Peter"},
        {"initial_prompt": "hello", "hotwords": "Peter", "beam_size": 1},
        {"task": "translate"},
        {"suppress_tokens": (), "suppress_blank": False},
    ],
    ids=str,
)
def test_options_act_as_in_faster_whisper(whisper, spec, changes):
    # proves: V3
    samples = sound(4, 11)
    features = FeatureExtractor(feature_size=spec.n_mels)(samples)[..., :-1]
    options = replace(DecodingOptions(temperatures=(0.0,), timestamps=True), **changes)
    mine = whisper.decode([features], [("ko",)], options)[0]
    model = WhisperModel(str(spec.path), device="cpu", compute_type="int8", cpu_threads=1)
    arguments = {**changes, "suppress_tokens": list(options.suppress_tokens)}
    segments, _ = model.transcribe(
        samples, language="ko", temperature=0.0, condition_on_previous_text=False, **arguments
    )
    assert [s.text for s in mine.segments] == [s.text.strip() for s in segments]


def test_languages_are_detected_as_in_faster_whisper(whisper, windows, spec):
    # proves: V3
    model = WhisperModel(str(spec.path), device="cpu", compute_type="int8", cpu_threads=1)
    features = [log_mel(samples) for _, samples in windows[:4]]
    options = DecodingOptions(temperatures=(0.0,), beam_size=1, max_new_tokens=4)
    found = whisper.decode(features, [()] * 4, options)
    for one, window in zip(features, found, strict=True):
        language, probability, _ = model.detect_language(features=one)
        assert window.language == next(iter(window.languages)) == language
        assert window.languages[language] == pytest.approx(probability, abs=1e-4)
    assert found == [whisper.decode([one], [()], options)[0] for one in features]


def test_an_unknown_language_is_refused(whisper):
    with pytest.raises(InputError, match="'xx'"):
        whisper.decode([log_mel(sound(2, 1))], [("xx",)], DecodingOptions())


def test_prompts_that_do_not_fit_are_cut_and_reported(whisper, spec):
    # proves: V3 G8
    long = DecodingOptions(initial_prompt="first " + "word " * 300, hotwords="name " * 300 + "last")
    assert whisper.decode([log_mel(sound(2, 1))], [("en",)], long)[0].language == "en"
    hotwords, prompt = spec.prompt_left_out(long)
    assert hotwords.startswith("--hotwords: the last ") and hotwords.endswith("name last")
    assert prompt.startswith("--initial-prompt: the first ") and ": first word" in prompt
    assert spec.prompt_left_out(DecodingOptions(hotwords="Kim", initial_prompt="Lee")) == []


class RepeatsItsPrompt:
    """CTranslate2's Whisper as it may be with a prompt: it says `prompted`, whatever is in the
    sound; without a prompt `plain`."""

    device, is_multilingual, n_mels = "cpu", True, 80

    def __init__(self, spec, prompted, plain, prompted_score=-1.2, plain_score=-0.3):
        tokenizer = tokenizers.Tokenizer.from_file(str(spec.path / "tokenizer.json"))
        self.tokenizer, self.before = tokenizer, tokenizer.token_to_id("<|startofprev|>")
        begin = tokenizer.token_to_id("<|0.00|>")
        self.said = {
            prompted_: [begin, *tokenizer.encode(text, add_special_tokens=False).ids, begin + 100]
            for prompted_, text in ((True, prompted), (False, plain))
        }
        self.scores = {True: prompted_score, False: plain_score}

    def encode(self, features):
        return features

    def detect_language(self, encoded):
        return [[("<|en|>", 0.9)]]

    def align(self, encoded, prompt, texts, frames):
        return [
            SimpleNamespace(
                alignments=[(at, 10 * at) for at in range(len(text) + 1)],
                text_token_probs=[0.5] * len(text),
            )
            for text in texts
        ]

    def generate(self, encoded, prompts, **options):
        found = []
        for prompt in prompts:
            prompted = prompt[0] == self.before
            tokens = self.said[prompted]
            total = self.scores[prompted] * (len(tokens) + 1) / len(tokens)
            found.append(
                SimpleNamespace(sequences_ids=[tokens], scores=[total], no_speech_prob=0.1)
            )
        return found


HOTWORDS = "escrow account, District Prosecutors"


@pytest.mark.parametrize(
    ("prompted", "score", "plain", "expected"),
    [
        (" Escrow account, escrow account.", -0.4, " So we went home.", "So we went home."),
        (" Escrow account.", -0.4, " S crow a count.", "Escrow account."),  # it is said
        (" They found a way out.", -1.2, " So we went home.", "So we went home."),
        (" They found a way out.", -0.3, " So we went home.", "They found a way out."),
    ],
    ids=["not said", "said", "doubtful", "sure"],
)
def test_prompts_do_not_appear_as_text(spec, prompted, score, plain, expected):
    # proves: V3 G8
    model = RepeatsItsPrompt(spec, prompted, plain, score)
    options = DecodingOptions(hotwords=HOTWORDS, temperatures=(0.0,))
    features = log_mel(sound(3, 1))
    (window,) = Whisper(model, model.tokenizer).decode([features], [("en",)], options)
    assert [one.text for one in window.segments] == [expected]


def test_damaged_weights_are_refused(spec, tmp_path):
    # proves: G11
    for file in spec.path.iterdir():
        content = file.read_bytes()
        (tmp_path / file.name).write_bytes(
            content[: len(content) // 2] if file.name == "model.bin" else content
        )
    with pytest.raises(ModelUnavailableError, match="cannot be loaded on cpu"):
        replace(spec, path=tmp_path).load(Device("cpu"), 1)


def test_a_model_with_another_number_of_mel_bands_is_refused(spec):
    # proves: G11
    with pytest.raises(ModelUnavailableError, match=r"preprocessor_config\.json"):
        replace(spec, n_mels=128).load(Device("cpu"), 1)


def test_importing_the_module_loads_no_heavy_library():
    code = (
        "import sys; import reelmill.models.whisper.whisper, reelmill.models.files.cache; "
        "heavy = {'ctranslate2', 'faster_whisper', 'huggingface_hub', 'onnxruntime', 'av'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_language_is_one_of_those_allowed() -> None:
    # proves: V3
    heard = {"en": 0.5, "ja": 0.3, "ko": 0.2}
    assert likeliest(heard, ()) == "en"
    assert likeliest(heard, ("ko", "ja")) == "ja"
    assert likeliest(heard, ("fr",)) == "fr"
    assert likeliest({}, ()) == likeliest({}, ("en",)) == "en"
