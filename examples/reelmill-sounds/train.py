"""Train the small classifier of this example (speech, music, tone or noise) on synthetic sounds.

    python train.py sounds.onnx            # trains, in under a minute, and says how good it is

The model takes samples at 16 kHz, shape (windows, samples), and gives a score for each label. The
graph contains everything: log-mel features, their statistics over time, and a network with one
hidden layer. Speech is made by the `synthetic` package of Reelmill's repository with espeak-ng, if
both are available (run this from the repository's root with PYTHONPATH=.), and by a small formant
synthesizer. The held-out sounds have other voices and sentences than those used for training.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from scipy.signal import butter, lfilter, sosfilt
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

Floats = npt.NDArray[np.float32]
Random_ = np.random.Generator

RATE = 16_000
LABELS = ("speech", "music", "tone", "noise")
FRAME, HOP, MELS = 512, 160, 40


def mel_filters() -> Floats:
    """Triangles evenly spaced on the mel scale from 60 Hz to 7.6 kHz, shape (bins, mels)."""

    def mel(hertz: Any) -> Any:
        return 2595 * np.log10(1 + np.asarray(hertz) / 700)

    edges = np.linspace(mel(60), mel(7600), MELS + 2)
    bins = mel(np.fft.rfftfreq(FRAME, 1 / RATE))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


class Graph:
    """An ONNX graph that is built node by node; each call returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def model(self, output: str, width: int) -> onnx.ModelProto:
        """The model from `samples` to `output`, which has `width` columns."""
        last = helper.make_node("Identity", [output], ["scores"])
        graph = helper.make_graph(
            [*self.nodes, last],
            "sounds",
            [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["windows", "samples"])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["windows", width])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        model.ir_version = 9
        helper.set_model_props(model, {"labels": json.dumps(LABELS)})
        onnx.checker.check_model(model)
        return model


def add_features(graph: Graph) -> tuple[str, int]:
    """Mean, deviation and mean change over time of log-mel bands, and of how much single
    frequencies stand out; the level of the sound is removed. Returns the output and its width."""
    last, time_axis = graph.constant([-1], np.int64), graph.constant([1], np.int64)
    both = graph.constant([1, 2], np.int64)
    signal = graph.add("Unsqueeze", "samples", last)
    step, length = graph.constant(HOP, np.int64), graph.constant(FRAME, np.int64)
    hann = graph.constant(np.hanning(FRAME + 1)[:-1])
    bins = graph.add("STFT", signal, step, hann, length, onesided=1)
    power = graph.add("ReduceSumSquare", bins, last, keepdims=0)
    floored = graph.add("Add", power, graph.constant(1e-6))
    mels = graph.add("MatMul", floored, graph.constant(mel_filters()))
    logs = graph.add("Log", graph.add("Add", mels, graph.constant(1e-6)))
    level = graph.add("ReduceMean", logs, both, keepdims=1)
    shape = graph.add("Sub", logs, level)
    highest = graph.add("ReduceMax", floored, last, keepdims=1)
    whole = graph.add("ReduceMean", floored, last, keepdims=1)
    crest = graph.add("Log", graph.add("Div", highest, whole))
    loudness = graph.add("ReduceMean", shape, last, keepdims=1)
    rows = graph.add("Concat", shape, crest, loudness, axis=2)
    mean = graph.add("ReduceMean", rows, time_axis, keepdims=1)
    offset = graph.add("Sub", rows, mean)
    variance = graph.add("ReduceMean", graph.add("Mul", offset, offset), time_axis, keepdims=1)
    deviation = graph.add("Sqrt", variance)
    ends = [graph.constant([at], np.int64) for at in (1, 2**31, 0, -1)]
    later = graph.add("Slice", rows, ends[0], ends[1], time_axis)
    earlier = graph.add("Slice", rows, ends[2], ends[3], time_axis)
    change = graph.add("Abs", graph.add("Sub", later, earlier))
    changes = graph.add("ReduceMean", change, time_axis, keepdims=1)
    found = graph.add("Concat", mean, deviation, changes, axis=2)
    return graph.add("Squeeze", found, time_axis), 3 * (MELS + 2)


def add_network(graph: Graph, features: str, scaler: Any, network: Any) -> str:
    """The trained network, with the scaling of features folded into the first layer."""
    first, second = network.coefs_
    weights = first / scaler.scale_[:, None]
    bias = network.intercepts_[0] - scaler.mean_ @ weights
    hidden = graph.add("MatMul", features, graph.constant(weights))
    hidden = graph.add("Relu", graph.add("Add", hidden, graph.constant(bias)))
    scores = graph.add("MatMul", hidden, graph.constant(second))
    scores = graph.add("Add", scores, graph.constant(network.intercepts_[1]))
    return graph.add("Softmax", scores, axis=-1)


def run(model: onnx.ModelProto, sounds: Floats) -> Floats:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    pieces = [session.run(None, {"samples": sounds[at : at + 64]})[0] for at in
              range(0, len(sounds), 64)]  # fmt: skip
    return np.concatenate(pieces)


# The sounds: one second of each kind, from a random generator.


def seconds(count: int = RATE) -> Any:
    return np.arange(count) / RATE


def envelope(rng: Random_, count: int) -> Any:
    """A note's loudness: a quick rise, then a slow decay or none."""
    t = seconds(count)
    return np.minimum(t / rng.uniform(0.003, 0.05), 1) * np.exp(-t * rng.choice([0.3, 2, 5]))


def note(rng: Random_, pitch: float, count: int, timbre: Any) -> Any:
    t = seconds(count) * pitch * 2 * np.pi
    vibrato = rng.uniform(0, 0.004) * pitch * np.sin(2 * np.pi * 5 * seconds(count))
    partials = (w * np.sin(k * (t + vibrato)) for k, w in enumerate(timbre, 1) if k * pitch < 7800)
    return sum(partials) * envelope(rng, count)


def music(rng: Random_) -> Any:
    """Chords, a melody, a bass and perhaps drums, in a key and a tempo."""
    sound = np.zeros(RATE * 2)
    beat = int(RATE * rng.uniform(0.15, 0.5))
    key = 110 * 2 ** (rng.integers(12) / 12)
    timbre = rng.uniform(0.1, 1, 10) / np.arange(1, 11) ** rng.uniform(0.6, 2)
    scale = [0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.6 else [0, 2, 3, 5, 7, 8, 10]
    drums, bass = rng.random() < 0.5, rng.random() < 0.6
    for at in range(0, len(sound), beat):
        count = min(int(beat * rng.uniform(1, 3)), len(sound) - at)
        degree = int(rng.integers(7))
        steps = [degree, degree + 2, degree + 4][: rng.integers(1, 4)]
        for step in steps:
            octave = 2 * 2 ** (step // 7)
            pitch = key * octave * 2 ** (scale[step % 7] / 12)
            sound[at : at + count] += note(rng, pitch, count, timbre)
        if bass:
            sound[at : at + count] += 1.5 * note(rng, key / 2, count, timbre[:4])
        if drums:
            hit = rng.normal(size=count) * np.exp(-seconds(count) * rng.uniform(20, 60))
            sound[at : at + count] += hit * rng.uniform(0.3, 2)
    return sound[int(rng.integers(RATE)) :][:RATE]


PAIRS = ((350, 440), (440, 480), (480, 620), (425, 0), (400, 450), (1400, 0), (440, 0), (1000, 0))
KEYS = tuple((low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477, 1633))


def tone(rng: Random_) -> Any:
    """Dial tones, ringback, busy signals, keys, beeps, the warble of a ringing telephone."""
    t, phase = seconds(), rng.uniform(0, 2 * np.pi)
    kind = rng.integers(4)
    if kind == 0:
        first, second = PAIRS[rng.integers(len(PAIRS))]
    elif kind == 1:
        first, second = KEYS[rng.integers(len(KEYS))]
    else:
        first, second = rng.uniform(250, 3300), 0
    if kind == 3:  # a warble between two pitches
        high = first * rng.uniform(1.1, 1.4)
        first = np.where(np.sin(2 * np.pi * rng.uniform(6, 25) * t + phase) > 0, first, high)
    sound = np.sin(2 * np.pi * np.cumsum(np.broadcast_to(first, t.shape)) / RATE + phase)
    if np.any(second):
        sound = sound + rng.uniform(0.6, 1.2) * np.sin(2 * np.pi * second * t)
    if rng.random() < 0.5:  # switched on and off
        period, share = rng.choice([0.1, 0.2, 0.5, 1.0, 2.0]), rng.uniform(0.4, 0.8)
        sound = sound * ((t + rng.uniform(0, share * period * 0.8)) % period < share * period)
    return sound


def noise(rng: Random_) -> Any:
    """Steady noise of any colour or band, hum, traffic, knocks and rustling."""
    kind = rng.integers(5)
    spectrum = np.fft.rfft(rng.normal(size=RATE))
    frequency = np.maximum(np.fft.rfftfreq(RATE, 1 / RATE), 30)
    sound = np.fft.irfft(spectrum * frequency ** -rng.uniform(-0.3, 1.2), RATE)
    sound /= sound.std()
    if kind == 1:
        low = rng.uniform(60, 2500)
        edges = [low, min(low * rng.uniform(1.5, 8), 7800)]
        sound = sosfilt(butter(2, edges, "band", fs=RATE, output="sos"), sound)
    elif kind == 2:
        mains = rng.choice([50, 60]) * 2 * np.pi * seconds()
        hum = sum(rng.uniform(0, 1) / k * np.sin(k * mains + k) for k in range(1, 9))
        sound = hum + rng.uniform(0.05, 0.5) * sound
    elif kind == 3:
        rise = np.interp(seconds(), np.linspace(0, 1, 8), rng.uniform(0.05, 1, 8))
        sound = sound * rise
    elif kind == 4:
        knocks = np.zeros(RATE)
        for at in rng.integers(0, RATE, rng.integers(1, 12)):
            knocks[at] = rng.uniform(0.3, 1) * rng.choice([-1, 1])
        ring = np.exp(-seconds(1600) * rng.uniform(40, 400)) * rng.normal(size=1600)
        sound = 5 * np.convolve(knocks, ring)[:RATE] + rng.uniform(0.02, 0.3) * sound
    return sound


#: First three formants of vowels, in Hz.
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480),
          (570, 840, 2410), (490, 1350, 1690), (660, 1720, 2410))  # fmt: skip


def babble(rng: Random_) -> Any:
    """Syllables without a language: pulses through formants, with pauses and fricatives."""
    pieces, size, throat = [], 0, rng.uniform(0.9, 1.25)
    pitch = rng.uniform(80, 260)
    while size < RATE * 1.5:
        count = int(RATE * rng.uniform(0.08, 0.28))
        glide = pitch * np.linspace(rng.uniform(0.85, 1.2), rng.uniform(0.8, 1.1), count)
        turns = np.cumsum(glide * (1 + 0.01 * rng.normal(size=count))) / RATE
        source = np.diff(np.floor(turns), prepend=0) + 0.02 * rng.normal(size=count)
        source = lfilter([1], [1, -0.95], source)
        voiced = np.zeros(count)
        for number, formant in enumerate(VOWELS[rng.integers(len(VOWELS))]):
            voiced += resonance(source, formant * throat * rng.uniform(0.95, 1.05)) / (number + 1)
        pieces.append(voiced / (voiced.std() + 1e-9) * np.hanning(count) * rng.uniform(0.5, 1))
        other = int(RATE * rng.uniform(0.02, 0.14))
        hiss = np.diff(rng.normal(size=other + 1)) * np.hanning(other)
        pieces.append(hiss * rng.choice([0, 0, rng.uniform(0.05, 0.4)]))
        size += count + other
    return np.concatenate(pieces)[int(rng.integers(RATE // 3)) :][:RATE]


def resonance(sound: Any, hertz: float) -> Any:
    radius, angle = np.exp(-np.pi * 90 / RATE), 2 * np.pi * hertz / RATE
    return lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], sound)


@lru_cache(maxsize=2)
def spoken(held_out: bool) -> Any:
    """Sentences by espeak-ng in many voices, joined; empty if it is not available."""
    try:
        from synthetic.espeak import available
        from synthetic.sentences import held_out_sentence, training_sentence
        from synthetic.synth import synthesize
        from synthetic.voices import random_voice
    except ImportError:
        return np.zeros(0)
    if not available():
        return np.zeros(0)
    rng, found = Random(f"sounds {held_out}"), []
    draw = held_out_sentence if held_out else training_sentence
    for number in range(60 if held_out else 160):
        language = ("en", "ko", "ja")[number % 3]
        words = draw(rng).words[language]
        found.append(synthesize(words, language, random_voice(rng, held_out=held_out)).samples)
    return np.concatenate(found)


def speech(rng: Random_, held_out: bool) -> Any:
    sentences = spoken(held_out)
    if not len(sentences) or (not held_out and rng.random() < 0.4):
        return babble(rng)
    while True:
        at = int(rng.integers(len(sentences) - RATE))
        piece = sentences[at : at + RATE]
        if piece.std() > 0.02:
            return piece


def as_recorded(rng: Random_, sound: Any) -> Floats:
    """The sound at some level, with some noise behind it, perhaps over a telephone or in a room."""
    sound = sound / (np.std(sound) + 1e-9)
    if rng.random() < 0.3:
        echo = rng.normal(size=4000) * np.exp(-seconds(4000) * rng.uniform(15, 60))
        echo[0] = rng.uniform(1, 8)
        sound = np.convolve(sound, echo)[:RATE]
        sound = sound / (sound.std() + 1e-9)
    sound = sound + rng.normal(size=RATE) * 10 ** (-rng.uniform(10, 60) / 20)
    if rng.random() < 0.5:
        edges = [rng.uniform(200, 350), rng.uniform(3200, 3700)]
        sound = sosfilt(butter(4, edges, "band", fs=RATE, output="sos"), sound)
    level = 10 ** (rng.uniform(-45, -8) / 20)
    return np.clip(sound * level, -1, 1).astype(np.float32)


def sounds(seed: int, count: int, *, held_out: bool) -> tuple[Floats, Any]:
    """`count` sounds of each label, and their numbers in `LABELS`."""
    rng = np.random.default_rng(seed)
    makers: tuple[Callable[[Random_], Any], ...] = (
        lambda rng: speech(rng, held_out), music, tone, noise,
    )  # fmt: skip
    made: Iterator[Floats] = (as_recorded(rng, make(rng)) for make in makers for _ in range(count))
    return np.stack(list(made)), np.repeat(np.arange(len(LABELS)), count)


def train(count: int) -> onnx.ModelProto:
    """The model, trained with `count` sounds of each label."""
    given, truth = sounds(1, count, held_out=False)
    graph = Graph()
    features, width = add_features(graph)
    table = run(graph.model(features, width), given)
    scaler = StandardScaler().fit(table)
    network = MLPClassifier((24,), alpha=0.3, max_iter=60, early_stopping=True, random_state=1)
    with warnings.catch_warnings():
        # Training stops after 60 rounds, so that it takes seconds.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(scaler.transform(table), truth)
    return graph.model(add_network(graph, features, scaler, network), len(LABELS))


def measured(model: onnx.ModelProto, count: int = 300) -> str:
    """The share of correct labels on held-out sounds."""
    given, truth = sounds(2, count, held_out=True)
    found = run(model, given).argmax(axis=1)
    shares = [f"{name} {np.mean(found[truth == at] == at):.1%}" for at, name in enumerate(LABELS)]
    return f"held-out sounds, {count} of each: {np.mean(found == truth):.1%} ({', '.join(shares)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="the ONNX file to write")
    parser.add_argument("--count", type=int, default=600, help="training sounds of each label")
    arguments = parser.parse_args()
    began = time.process_time()
    model = train(arguments.count)
    print(f"trained in {time.process_time() - began:.0f} s of one core")
    print(measured(model))
    onnx.save(model, str(arguments.file))


if __name__ == "__main__":
    main()
