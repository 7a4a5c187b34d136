"""Turn a training checkpoint into a model folder that faster-whisper loads unmodified.

python training/speech/export.py CHECKPOINT TOKENIZER OUT
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from ctranslate2.converters.transformers import WhisperLoader
from network import FRAMES, MELS, TARGET_POSITIONS, sinusoids
from tokenizers import Tokenizer
from torch import Tensor
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration
from vocabulary import ENTRIES

# Tokens that Whisper never writes: openai-whisper's `non_speech_tokens`, from its symbols.
_SYMBOLS = '"#()*+/:;<=>@[\\]^_`{|}~「」『』♩♪♫♬♭♮♯'
_BLANK = 220
# How much speech the product puts into a window of this model, which loses its place in windows
# full of short sentences.
SPEECH_SECONDS = 12
# The length to which a window is padded with silence: less work than 30 s, but enough silence to
# show where the last sentence ends.
PADDED_SECONDS = 14


def suppressed(tokenizer: Tokenizer) -> list[int]:
    """Symbols and control tokens that do not belong in a transcript."""
    ids = {tokenizer.encode(" -").ids[0], tokenizer.encode(" '").ids[0]}
    for symbol in _SYMBOLS:
        for text in (symbol, f" {symbol}"):
            tokens = tokenizer.encode(text).ids
            if len(tokens) == 1:
                ids.add(tokens[0])
    names = ("startoftranscript", "translate", "transcribe", "startoflm", "startofprev", "nospeech")
    return sorted(ids | {tokenizer.token_to_id(f"<|{name}|>") for name in names})


def full_embedding(rows: Tensor, used: list[int]) -> Tensor:
    """Rows of all entries: the last trained row stands for every token that is not used."""
    full = rows[-1].repeat(ENTRIES, 1)
    full[used] = rows[:-1]
    return full


def library_model(checkpoint: dict[str, object]) -> WhisperForConditionalGeneration:
    """The trained weights in the library's model."""
    shape: dict[str, int] = checkpoint["shape"]  # type: ignore[assignment]
    weights: dict[str, Tensor] = dict(checkpoint["average"])  # type: ignore[call-overload]
    config = WhisperConfig(
        vocab_size=ENTRIES,
        num_mel_bins=MELS,
        d_model=shape["width"],
        encoder_layers=shape["encoder_layers"],
        decoder_layers=shape["decoder_layers"],
        encoder_attention_heads=shape["encoder_heads"],
        decoder_attention_heads=shape["decoder_heads"],
        encoder_ffn_dim=4 * shape["width"],
        decoder_ffn_dim=4 * shape["width"],
        max_source_positions=FRAMES // 2,
        max_target_positions=TARGET_POSITIONS,
    )
    model = WhisperForConditionalGeneration(config)
    used: list[int] = checkpoint["used"]  # type: ignore[assignment]
    state = {f"model.{name}": value for name, value in weights.items() if "ctc" not in name}
    embedding = full_embedding(state["model.decoder.embed_tokens.weight"], used)
    state["model.decoder.embed_tokens.weight"] = embedding
    state["proj_out.weight"] = embedding
    state["model.encoder.embed_positions.weight"] = sinusoids(FRAMES // 2, shape["width"])
    model.load_state_dict(state)
    return model.eval()


def export(checkpoint: dict[str, object], tokenizer_file: Path, out: Path) -> None:
    """Write model.bin, config.json, vocabulary.json, tokenizer.json, preprocessor_config.json."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    model = library_model(checkpoint)
    last_layer = model.config.decoder_layers - 1
    model.generation_config = GenerationConfig()
    model.generation_config.suppress_tokens = suppressed(tokenizer)
    # openai-whisper also forbids an empty text here; this model may say that there is none.
    model.generation_config.begin_suppress_tokens = [_BLANK]
    # The head whose attention was trained to lie where the word is spoken.
    model.generation_config.alignment_heads = [[last_layer, 0]]
    vocabulary = tokenizer.get_vocab()
    first, last = vocabulary["<|en|>"], vocabulary["<|su|>"]
    model.generation_config.lang_to_id = {str(token): token for token in range(first, last + 1)}
    loader = WhisperLoader()
    spec = loader.get_model_spec(model)
    loader.set_config(spec.config, model, tokenizer)
    loader.set_vocabulary(spec, sorted(vocabulary, key=vocabulary.__getitem__))
    spec.validate()
    spec.optimize(quantization="int8")
    out.mkdir(parents=True, exist_ok=True)
    spec.save(str(out))
    shutil.copyfile(tokenizer_file, out / "tokenizer.json")
    preprocessor = {"feature_size": MELS, "sampling_rate": 16000, "hop_length": 160, "n_fft": 400}
    preprocessor["chunk_length"] = 30
    preprocessor["speech_seconds"] = SPEECH_SECONDS
    preprocessor["padded_seconds"] = PADDED_SECONDS
    (out / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    export(torch.load(arguments.checkpoint), arguments.tokenizer, arguments.out)
    total = sum(file.stat().st_size for file in arguments.out.iterdir())
    print(f"{total / 1e6:.1f} MB in {arguments.out}")


if __name__ == "__main__":
    main()
