"""Small classification models of the real architectures, and what they say, for machines without
the model hub.

    PYTHON tests/extras/make_classifiers.py make FOLDER
    PYTHON tests/extras/make_classifiers.py ask FOLDER < texts

Runs in the environment that has transformers. `make` writes `emotion` (wav2vec2), `text` (BERT
with a few words) and `headless` (BERT without a classification head). Weights are random (a fixed
seed): what they say means nothing; that it is said the same way does. `ask` prints for each line of
text the scores that transformers' own pipeline gives.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

WORDS = """[PAD] [UNK] [CLS] [SEP] [MASK]
the a to you is it i and hello we call money bank"""


def make(folder: Path) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    sound = transformers.Wav2Vec2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        conv_dim=(32,) * 7, num_conv_pos_embeddings=16, classifier_proj_size=16,
        id2label={0: "calm", 1: "angry"}, label2id={"calm": 0, "angry": 1},
    )  # fmt: skip
    transformers.Wav2Vec2ForSequenceClassification(sound).save_pretrained(folder / "emotion")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder / "emotion")
    text = transformers.BertConfig(
        vocab_size=len(WORDS.split()), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64,
        id2label={0: "harmless", 1: "harmful"}, label2id={"harmless": 0, "harmful": 1},
    )  # fmt: skip
    for name, kind in (
        ("text", transformers.BertForSequenceClassification),
        ("headless", transformers.BertModel),
    ):
        kind(text).save_pretrained(folder / name)
        vocabulary = folder / name / "vocab.txt"
        vocabulary.write_text("\n".join(WORDS.split()) + "\n")
        transformers.BertTokenizerFast(vocab_file=str(vocabulary)).save_pretrained(folder / name)
    config = json.loads((folder / "headless" / "config.json").read_text())
    config["architectures"] = ["BertForSequenceClassification"]
    (folder / "headless" / "config.json").write_text(json.dumps(config))


def ask(folder: Path) -> None:
    import transformers

    told = transformers.pipeline("text-classification", str(folder), top_k=None, device=-1)
    for line in sys.stdin.read().splitlines():
        print(json.dumps({one["label"]: one["score"] for one in told([line])[0]}))


if __name__ == "__main__":
    {"make": make, "ask": ask}[sys.argv[1]](Path(sys.argv[2]))
