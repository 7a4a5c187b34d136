"""How well the shipped translator does on sentences it was not trained on, through the product.

python training/translate/evaluate.py src/reelmill/assets/models/demo-translator --json OUT.json

The pipeline's stage (`reelmill.stages.translation.translate.Translate`) translates held-out
sentences of the grammar with CTranslate2 int8: as they are written, and as a recognizer might hand
them on.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from sacrebleu.metrics import CHRF

from reelmill.artifacts import Sentence, Sentences, Translations
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Device, Inputs
from reelmill.models.translation.flores import short_code
from reelmill.models.translation.nllb import Nllb
from reelmill.models.translation.translators import resolve_translator
from reelmill.stages.translation.translate import Translate
from synthetic.parallel import as_recognized, written
from synthetic.sentences import held_out_sentence

BATCH = 20
NOWHERE = Recording(Path("none"), "none", Path(), FileState("", "", 0, 0))


def translated(stage: Translate, model: Nllb, language: str, texts: list[str]) -> Translations:
    """Sentences through split, infer and merge, as the engine runs them."""
    sentences = [Sentence(float(i), i + 1.0, text, []) for i, text in enumerate(texts)]
    inputs = Inputs([Sentences(language, float(len(texts)), sentences)])
    items = sorted(stage.split(NOWHERE, inputs), key=lambda item: item.cost)
    outputs = [
        output
        for start in range(0, len(items), BATCH)
        for output in stage.infer(model, items[start : start + BATCH])
    ]
    return stage.merge(NOWHERE, inputs, iter(outputs))


def evaluate(folder: str, count: int, examples: int) -> dict[str, Any]:
    """Exact match and chrF of every direction."""
    spec = resolve_translator(folder)
    model = spec.load(Device("cpu"), 1)
    report: dict[str, Any] = {"sentences": count, "directions": {}}
    for source, target in [(short_code(a), short_code(b)) for a, b in spec.directions or ()]:
        rng = Random(f"held out {source} {target}")
        drawn = [held_out_sentence(rng) for _ in range(count)]
        stage = Translate(spec, targets=(target,))
        references = [written(sentence, target) for sentence in drawn]
        kinds = {
            "written": [written(sentence, source) for sentence in drawn],
            "as recognized": [as_recognized(rng, sentence, source) for sentence in drawn],
        }
        for kind, texts in kinds.items():
            began = time.perf_counter()
            lines = translated(stage, model, source, texts).targets[target]
            found = [line.text for line in lines]
            exact = sum(a == b for a, b in zip(found, references, strict=True)) / count
            figures = {
                "exact_match": round(100 * exact, 2),
                "chrf": round(CHRF().corpus_score(found, [references]).score, 2),
                "status": dict(Counter(line.status for line in lines)),
                "sentences_per_second": round(count / (time.perf_counter() - began), 1),
            }
            report["directions"].setdefault(f"{source} to {target}", {})[kind] = figures
            print(f"{source} to {target}, {kind}: {figures}", flush=True)
            wrong = [row for row in zip(texts, found, references, strict=True) if row[1] != row[2]]
            for row in wrong[:examples]:
                print("   ", " | ".join(row))
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--examples", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = evaluate(arguments.folder, arguments.count, arguments.examples)
    if arguments.json:
        text = json.dumps(result, ensure_ascii=False, indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")
