"""Unlabelled samples in, a fitted transformer out: `fit`, `transform` and `fit_transform` in scikit-learn's manners."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from randquant.data.own.arrays import hold_array
from randquant.data.own.form import Form
from randquant.data.own.open import as_dataset
from randquant.data.own.samples import Rows
from randquant.data.own.source import Source
from randquant.data.own.tables import TableSource, hold_table
from randquant.data.own.texts import TEXT
from randquant.device import find_device
from randquant.embed.encode import blocks
from randquant.pretrain import pretrain
from randquant.settings import EncoderSettings, ReadingSettings

_ROWS = 256


class Embedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Train an encoder on samples without labels, and turn samples into its features.

    `fit` takes an array: (N, columns) is a table, (N, channels, steps), (N, channels, height, width) and the like are
    grids, channels first or last; or a pandas DataFrame of numbers and words; or a sequence of N texts. NaN stands for
    what is missing. What was inferred is in `notes_`.

    Args:
        method: as the command line takes it: rq, crop+rq, emix, ….
        steps: optimizer steps.
        batch: samples of a step; 0 takes 128, or a quarter of the samples where they are few.
        learning_rate: the peak learning rate.
        width, depth: numbers in a feature, and transformer blocks; 0 chooses by the number of samples.
        channel_axis: of the channels, where samples are axis 0; None finds it, 0 says that there is none.
        patch: places that a token covers along each dimension of a grid; () chooses.
        device: auto, cpu or cuda.
        random_state: a seed, a RandomState, or None for another one each time.
        verbose: whether progress is shown.
        out: a run directory to keep, for `randquant embed` and the other commands; None keeps nothing on disk.

    Attributes:
        encoder_: the trained module, in eval mode, on the CPU.
        form_: how samples become its inputs.
        notes_: what was inferred, a line each.
    """

    def __init__(
        self,
        method: str = "rq",
        *,
        steps: int = 600,
        batch: int = 0,
        learning_rate: float = 2e-3,
        width: int = 0,
        depth: int = 0,
        channel_axis: int | None = None,
        patch: tuple[int, ...] = (),
        device: str = "auto",
        random_state: Any = 0,
        verbose: bool = False,
        out: str | Path | None = None,
    ) -> None:
        self.method, self.steps, self.batch, self.learning_rate = method, steps, batch, learning_rate
        self.width, self.depth, self.channel_axis, self.patch = width, depth, channel_axis, patch
        self.device, self.random_state, self.verbose, self.out = device, random_state, verbose, out

    def fit(self, X: Any, y: object = None) -> Embedder:  # noqa: N803 - scikit-learn's name
        """Train an encoder. `y` is not looked at.

        Raises:
            UserError: a ValueError of one line, where the samples or the settings do not do.
        """
        reading = ReadingSettings(channel_axis=self.channel_axis, patch=tuple(self.patch))
        kind, source = self._source(X, reading, None)
        dataset = as_dataset(kind, source, None, reading, form=None, labelled=False)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(1 << 31)
        head_width = max(1, self.width // 4) if self.width else 0
        sizes = EncoderSettings(width=self.width, depth=self.depth, head_width=head_width, mlp_width=2 * self.width)
        with tempfile.TemporaryDirectory() as beside:
            run = pretrain(
                dataset,
                kept=self.out is not None,
                out=Path(beside) / "run" if self.out is None else self.out,
                encoder=sizes,
                method=self.method,
                steps=self.steps,
                batch=self.batch,
                learning_rate=self.learning_rate,
                device=self.device,
                seed=int(seed),
                quiet=not self.verbose,
            )
            self.encoder_ = run.encoder()
        assert dataset.own is not None
        self.form_, self.notes_ = dataset.own.form, dataset.own.notes
        self._n_features_out = self.encoder_.width
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's name
        """Features float32 [N, width] of samples like those that `fit` was given.

        Raises:
            UserError: a ValueError of one line, where they are not like those.
        """
        check_is_fitted(self)
        _, source = self._source(X, ReadingSettings(), self.form_)
        encoder = self.encoder_.to(find_device(self.device))
        rows = Rows(source, self.form_, torch.arange(len(source)))
        features: NDArray[np.float32] = torch.cat([one.values for one in blocks(encoder, rows, batch=_ROWS)]).numpy()
        self.encoder_.cpu()
        return features

    def _source(self, samples: Any, reading: ReadingSettings, form: Form | None) -> tuple[str, Source]:
        """Samples in memory, opened as a path would be."""
        how = None if form is None else form.how
        if texts := _texts(samples):
            columns = {TEXT: np.array(texts, dtype=object)}
            return "texts", TableSource(None, columns, {"inputs": [], "text": TEXT} if how is None else how)
        least = {"ensure_min_samples": 2} if form is None else {}
        if hasattr(samples, "columns") and any(
            kind.kind not in "fiub" for kind in samples.dtypes if hasattr(kind, "kind")
        ):
            validate_data(self, samples, reset=form is None, skip_check_array=True)
            return "table", hold_table(None, _columns(samples), None, reading, how)
        array = validate_data(
            self,
            samples,
            reset=form is None,
            dtype="numeric",
            ensure_2d=_dimensions(samples) < 3,
            allow_nd=True,
            ensure_all_finite="allow-nan",
            **least,
        )
        return "array", hold_array(array, reading, how)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = ["float32"]  # features are that, whatever the samples are
        return tags


def _texts(samples: Any) -> Sequence[str]:
    """The texts, if samples are a sequence of such; nothing otherwise."""
    if hasattr(samples, "columns") or _dimensions(samples) != 1 or not len(samples):
        return ()
    texts = list(samples)
    return texts if all(isinstance(one, str) for one in texts) else ()


def _dimensions(samples: Any) -> int:
    return int(samples.ndim) if hasattr(samples, "ndim") else np.asarray(samples).ndim


def _columns(frame: Any) -> dict[str, NDArray[Any]]:
    """The columns of a pandas DataFrame: float64 with NaN, or objects with None."""
    columns: dict[str, NDArray[Any]] = {}
    for name in frame.columns:
        values = frame[name]
        if values.dtype.kind in "fiub":
            columns[str(name)] = values.to_numpy(np.float64)
        else:
            cells = [None if one is None or one != one else str(one) for one in values]
            columns[str(name)] = np.array(cells, dtype=object)
    return columns
