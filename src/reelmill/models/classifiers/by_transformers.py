"""Classifiers that transformers computes on PyTorch. Runs in a model worker, perhaps of another
environment: it imports what is there and the standard library alone."""

from __future__ import annotations

from typing import Any

from reelmill.core.arrays import Float32
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError, is_out_of_memory
from reelmill.models.classifiers.spec import RATE, Classes, Task, classes_of
from reelmill.models.runtimes.torch_device import torch_device

_LONGEST = 512


class TransformersClassifier:
    """A model with its labels, and what prepares sound or text for it."""

    def __init__(self, path: str, task: Task, device: Device, threads: int) -> None:
        """Raises ModelUnavailableError when the folder has no whole model of that kind."""
        self._where = torch_device(device, threads)
        try:
            self._model, missing = _load(path, task)
            self._prepare = _preparation(path, task)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            cause = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelUnavailableError(
                f"{path}: cannot be loaded by transformers: {cause}"
            ) from error
        if missing:
            raise ModelUnavailableError(
                f"{path}: lacks weights ({', '.join(sorted(missing)[:3])}); transformers would put "
                "random ones in their place. Give a model that was trained to classify"
            )
        self._model.to(self._where).eval()
        config = self._model.config
        self._labels = [str(config.id2label[number]) for number in range(config.num_labels)]
        self._several = config.problem_type == "multi_label_classification"
        self._longest = min(_LONGEST, getattr(config, "max_position_embeddings", None) or _LONGEST)

    def classify(self, item: Float32 | str) -> Classes:
        """As `Classifier.classify`."""
        import torch

        is_cut = False
        if isinstance(item, str):
            ids = self._prepare(item, truncation=False)["input_ids"]
            is_cut = len(ids) > self._longest
            given = self._prepare(
                item, truncation=True, max_length=self._longest, return_tensors="pt"
            )
        else:
            given = self._prepare(item, sampling_rate=RATE, return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(
                **{name: one.to(self._where) for name, one in given.items()}
            ).logits
        return classes_of(
            logits[0].float().cpu().numpy(), self._labels, several=self._several, is_cut=is_cut
        )


def _load(path: str, task: Task) -> tuple[Any, list[str]]:
    """The model, and the names of weights it lacks. Code in the folder is never run."""
    import transformers

    kind = (
        transformers.AutoModelForAudioClassification
        if task == "audio"
        else transformers.AutoModelForSequenceClassification
    )
    model, info = kind.from_pretrained(
        path, output_loading_info=True, local_files_only=True, trust_remote_code=False
    )
    return model, list(info["missing_keys"])


def _preparation(path: str, task: Task) -> Any:
    import transformers

    kind = transformers.AutoFeatureExtractor if task == "audio" else transformers.AutoTokenizer
    return kind.from_pretrained(path, local_files_only=True, trust_remote_code=False)
