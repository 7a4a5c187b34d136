"""The aligner of each language, and how to get it: shipped, local, or from the model hub.

The hub's wav2vec2 models are converted once and stored beside the other models. This needs neither
PyTorch nor transformers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reelmill.core.notices import announce
from reelmill.core.paths import ASSETS
from reelmill.errors import ModelUnavailableError
from reelmill.models.alignment.spelling import read_alphabet
from reelmill.models.alignment.wav2vec2 import AlignerModel, AlignerSpec
from reelmill.models.alignment.wav2vec2_convert import SHAPE_FILE, VOCABULARY_FILE, convert
from reelmill.models.files import hub
from reelmill.models.files.cache import folder_digest
from reelmill.models.files.catalog import DEMO
from reelmill.models.files.names import given_path
from reelmill.models.runtimes.checkpoint import WEIGHT_FILES

#: The value of `--aligner` that leaves word times to Whisper.
NONE = "none"

_XLSR = "jonatasgrosman/wav2vec2-large-xlsr-53"
#: By ISO 639-1 code. This is WhisperX's table, so that its users find their models. Where it has a
#: model that CTranslate2 does not support (the small ones, normalized by group), a large one
#: replaces it.
REPOSITORIES: Mapping[str, str] = {
    "ar": f"{_XLSR}-arabic",
    "ca": "softcatala/wav2vec2-large-xlsr-catala",
    "cs": "comodoro/wav2vec2-xls-r-300m-cs-250",
    "da": "saattrupdan/wav2vec2-xls-r-300m-ftspeech",
    "de": f"{_XLSR}-german",
    "el": f"{_XLSR}-greek",
    "en": f"{_XLSR}-english",
    "es": f"{_XLSR}-spanish",
    "eu": "stefan-it/wav2vec2-large-xlsr-53-basque",
    "fa": f"{_XLSR}-persian",
    "fi": f"{_XLSR}-finnish",
    "fr": f"{_XLSR}-french",
    "gl": "ifrz/wav2vec2-large-xlsr-galician",
    "he": "imvladikon/wav2vec2-xls-r-300m-hebrew",
    "hi": "theainerd/Wav2Vec2-large-xlsr-hindi",
    "hr": "classla/wav2vec2-xls-r-parlaspeech-hr",
    "hu": f"{_XLSR}-hungarian",
    "id": "cahya/wav2vec2-large-xlsr-indonesian",
    "it": f"{_XLSR}-italian",
    "ja": f"{_XLSR}-japanese",
    "ka": "xsway/wav2vec2-large-xlsr-georgian",
    "ko": "kresnik/wav2vec2-large-xlsr-korean",
    "lv": "jimregan/wav2vec2-large-xlsr-latvian-cv",
    "ml": "gvs/wav2vec2-large-xlsr-malayalam",
    "nl": f"{_XLSR}-dutch",
    "nn": "NbAiLab/nb-wav2vec2-1b-nynorsk",
    "no": "NbAiLab/nb-wav2vec2-1b-bokmaal-v2",
    "pl": f"{_XLSR}-polish",
    "pt": f"{_XLSR}-portuguese",
    "ro": "gigant/romanian-wav2vec2",
    "ru": f"{_XLSR}-russian",
    "sk": "comodoro/wav2vec2-xls-r-300m-sk-cv8",
    "sl": "anton-l/wav2vec2-large-xlsr-53-slovenian",
    "sv": "KBLab/wav2vec2-large-voxrex-swedish",
    "te": "anuragshas/wav2vec2-large-xlsr-53-telugu",
    "tl": "Khalsuu/filipino-wav2vec2-l-xls-r-300m-official",
    "tr": "mpoyraz/wav2vec2-xls-r-300m-cv7-turkish",
    "uk": "Yehor/wav2vec2-xls-r-300m-uk-with-small-lm",
    "ur": "kingabzpro/wav2vec2-large-xls-r-300m-Urdu",
    "vi": "not-tanh/wav2vec2-large-xlsr-53-vietnamese",
    "zh": f"{_XLSR}-chinese-zh-cn",
}

_DEMO_LANGUAGES = ("en", "ja", "ko")
_DEMO_FOLDER = ASSETS / "models" / "demo-aligner"
#: Below the models folder: models converted here.
_CONVERTED = "reelmill-aligners"
_CONFIGURATION = ("config.json", "preprocessor_config.json", VOCABULARY_FILE)
#: The files that determine the results of a converted model.
_DECIDING = ("model.bin", SHAPE_FILE, "preprocessor_config.json", VOCABULARY_FILE)

_INSTEAD = "word times come from Whisper, not from an aligner: {}"

_NONE_HERE = (
    "word times come from Whisper, because no aligner is on this machine: `reelmill models pull "
    "aligner:ko` fetches the Korean one; some 40 languages have one"
)


@dataclass(frozen=True)
class Chosen:
    """The aligners of a run, and notes in plain words on what is unavailable."""

    spec: AlignerSpec
    notes: tuple[str, ...] = ()


def choose_aligners(
    name: str | None,
    languages: tuple[str, ...],
    whisper: str,
    compute_type: str = "auto",
) -> Chosen:
    """Choose the aligner of each language.

    Without `name`, this is the demo aligner for the demo recognizer. Otherwise it is those of the
    table that are on this machine, and those of `languages`, which are downloaded if necessary. An
    aligner that was not named and is not available is noted rather than raised; those words get
    Whisper's times.

    Args:
        name: `demo`, `none`, a folder or hub repository for all languages, or None.
        languages: what the user says is spoken; none where they do not.
        whisper: the recognizer's name.
        compute_type: CTranslate2's name, or "auto".

    Raises:
        ModelUnavailableError: a named aligner is not available; the message names the ways out.
    """
    if name == NONE:
        return Chosen(AlignerSpec((), compute_type))
    if name is None and whisper != DEMO:
        return _from_table(languages, compute_type)
    try:
        model = _resolve(name or DEMO)
    except ModelUnavailableError as error:
        if name is not None:
            raise
        return Chosen(AlignerSpec((), compute_type), (_INSTEAD.format(error),))
    known = _DEMO_LANGUAGES if model.label == DEMO else _all_languages(languages)
    return Chosen(AlignerSpec(tuple((one, model) for one in known), compute_type))


def fetch_aligner(name: str) -> AlignerModel:
    """Download and convert an aligner, by language or by hub repository, for later runs.

    Raises:
        ModelUnavailableError: not known, or not to be had; the message names the ways out.
    """
    return _resolve(REPOSITORIES.get(name, name))


def here(repository: str) -> AlignerModel | None:
    """The converted model of a hub repository, if it is on this machine."""
    folder = _converted_folder(repository)
    return None if _missing(folder) else _described(folder, repository)


def _from_table(languages: tuple[str, ...], compute_type: str) -> Chosen:
    models = {code: model for code, one in REPOSITORIES.items() if (model := here(one))}
    notes = []
    for language in languages:
        if language not in REPOSITORIES or language in models:
            continue
        try:
            models[language] = _resolve(REPOSITORIES[language])
        except ModelUnavailableError as error:
            notes.append(_INSTEAD.format(error))
    if not models and not notes:
        notes.append(_NONE_HERE)
    return Chosen(AlignerSpec(tuple(sorted(models.items())), compute_type), tuple(notes))


def _all_languages(languages: tuple[str, ...]) -> tuple[str, ...]:
    """A model named without a language is used for whatever language is spoken."""
    from reelmill.models.whisper.languages import LANGUAGES

    return languages or LANGUAGES


def _resolve(name: str) -> AlignerModel:
    if name == DEMO:
        return _local(_DEMO_FOLDER, DEMO)
    folder = given_path(name)
    if folder is not None and folder.is_dir():
        return _from_folder(folder.resolve(), name)
    if folder is not None or name.count("/") != 1:
        raise ModelUnavailableError(
            f"no aligner {name!r}: give `demo`, `none`, a hub repository (owner/name) of a "
            f"wav2vec2 CTC model, a folder with one, or a language of {', '.join(REPOSITORIES)}"
        )
    return here(name) or _from_hub(name)


def _from_folder(folder: Path, name: str) -> AlignerModel:
    """A folder in CTranslate2's format is used as it is; one in the hub's format is converted
    first."""
    if not any((folder / weights).is_file() for weights in WEIGHT_FILES):
        return _local(folder, name)
    digest = folder_digest(folder, (*_CONFIGURATION, *WEIGHT_FILES))
    converted = hub.models_folder() / _CONVERTED / f"local--{digest}"
    if _missing(converted):
        announce(f"converting aligner {name}")
        convert(folder, converted)
    return _described(converted, name)


def _from_hub(repository: str) -> AlignerModel:
    announce(f"fetching aligner {repository}, about 1,300 MB")
    snapshot = _fetch(repository, (*_CONFIGURATION, WEIGHT_FILES[0]))
    if not (snapshot / WEIGHT_FILES[0]).is_file():
        snapshot = _fetch(repository, (*_CONFIGURATION, *WEIGHT_FILES))
    converted = _converted_folder(repository)
    announce(f"converting aligner {repository}")
    convert(snapshot, converted)
    return _described(converted, repository)


def _fetch(repository: str, wanted: tuple[str, ...]) -> Path:
    try:
        return hub.download(repository, wanted, sleep=time.sleep)
    except ModelUnavailableError as error:
        cause = str(error).partition(". Choose one of these:")[0]
        raise ModelUnavailableError(
            f"{cause}. Choose one of these: run `reelmill models pull aligner:LANGUAGE` on a "
            "machine with a network, then copy "
            f"{hub.models_folder() / _CONVERTED} here; give a folder with --aligner PATH; or use "
            "Whisper's word times with --aligner none"
        ) from error


def _converted_folder(repository: str) -> Path:
    return hub.models_folder() / _CONVERTED / repository.replace("/", "--")


def _local(folder: Path, name: str) -> AlignerModel:
    missing = _missing(folder)
    if missing:
        raise ModelUnavailableError(
            f"the aligner in {folder} lacks {', '.join(missing)}; give a folder as downloaded "
            f"from the hub (config.json, {VOCABULARY_FILE}, weights), or a CTranslate2 model "
            f"with the original {VOCABULARY_FILE} copied into it"
        )
    return _described(folder, name)


def _described(folder: Path, name: str) -> AlignerModel:
    read_alphabet(folder / VOCABULARY_FILE)  # reports a vocabulary of another kind at once
    return AlignerModel(folder, name, folder_digest(folder, _DECIDING))


def _missing(folder: Path) -> list[str]:
    return [name for name in ("model.bin", VOCABULARY_FILE) if not (folder / name).is_file()]
