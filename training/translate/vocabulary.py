"""The SentencePiece vocabulary of the demo translator, and the tokenizer NLLB's way.

python training/translate/vocabulary.py RUN
"""

import argparse
import tempfile
from pathlib import Path
from random import Random

import sentencepiece
from transformers import NllbTokenizer
from transformers.convert_slow_tokenizer import SentencePieceExtractor

from synthetic.parallel import as_recognized, written
from synthetic.sentences import LANGUAGES, training_sentence

FLORES = {"en": "eng_Latn", "ko": "kor_Hang", "ja": "jpn_Jpan"}
PIECES = 1400
_SENTENCES = 30_000
_KANA = "".join(map(chr, [*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC]))
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_REQUIRED = _KANA + _LETTERS + ".,?!'-。、:"


def train_vocabulary(folder: Path) -> Path:
    """Train the pieces as NLLB's are: byte pair encoding, nmt_nfkc normalization."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = Random("vocabulary")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as corpus:
        for _ in range(_SENTENCES):
            sentence = training_sentence(rng)
            for language in LANGUAGES:
                print(as_recognized(rng, sentence, language), file=corpus)
                print(written(sentence, language), file=corpus)
        corpus.flush()
        sentencepiece.SentencePieceTrainer.train(
            input=corpus.name,
            model_prefix=str(folder / "sentencepiece.bpe"),
            model_type="bpe",
            vocab_size=PIECES,
            character_coverage=1.0,
            required_chars=_REQUIRED,
            normalization_rule_name="nmt_nfkc",
            num_threads=1,
            minloglevel=1,
        )
    return folder / "sentencepiece.bpe.model"


def tokenizer(model: Path) -> NllbTokenizer:
    """The pieces in NLLB's order: special tokens, pieces, the 202 language codes, <mask>."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.read_bytes())
    extracted = SentencePieceExtractor(str(model)).extract(None)
    pieces, merges = extracted["vocab"], extracted["merges"]
    names = [piece for piece, _ in pieces] if isinstance(pieces, list) else list(pieces)
    ordered = ["<s>", "<pad>", "</s>", "<unk>", *[p for p in names if p not in _SPECIAL]]
    return NllbTokenizer(
        vocab={piece: index for index, piece in enumerate(ordered)},
        merges=merges,
        _spm_precompiled_charsmap=proto.normalizer_spec.precompiled_charsmap,
        src_lang="jpn_Jpan",
        tgt_lang="kor_Hang",
    )


_SPECIAL = {"<s>", "<pad>", "</s>", "<unk>"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    tokenizer(train_vocabulary(run)).save_pretrained(run / "tokenizer")
