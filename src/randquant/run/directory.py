"""A path in, a run directory out: made once, opened again by whoever needs what a training left."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from randquant import __version__
from randquant.data import is_path
from randquant.data.photographs import are_photographs
from randquant.encoder import Encoder, ForeignEncoder, OwnEncoder
from randquant.errors import UserError
from randquant.run import states, weights
from randquant.run.card import card
from randquant.run.files import read, replace, replace_json, writing
from randquant.run.lines import append, whole

OURS = (  # what a run writes into its directory, beside config.json
    *("README.md", "metrics.jsonl", "data.json", "seen.npy", "encoder.json", "encoder.safetensors", "state-*.pt"),
    *("taught.npy", "head.safetensors", "tensorboard", "wandb"),
)


@dataclass(frozen=True)
class Run:
    """One run directory. `Run.create` makes it, `Run.open` finds it again."""

    path: Path

    @classmethod
    def create(cls, path: Path | str, config: dict[str, Any]) -> Run:
        """Make the directory and write its config.json, with the versions in use beside what `config` holds.

        Raises:
            UserError: a run is there already, or the directory cannot be written.
        """
        run = cls(Path(path))
        run.check_new()
        versions = {
            "randquant": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
        with writing(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
        replace_json(run.path / "config.json", {**config, "versions": versions})
        with writing(run.path):
            (run.path / "metrics.jsonl").write_text("")
        return run

    def check_new(self) -> None:
        """Refuse a path where no run can be made.

        Raises:
            UserError: a run is there already, or a file, or a folder with files of the names that a run gives its own.
        """
        if (self.path / "config.json").exists():
            raise UserError(f"out: {self.path} holds a run already; continue it with --resume, or name another folder")
        for pattern in OURS:
            for found in self.path.glob(pattern):
                raise UserError(
                    f"out: {self.path} holds {found.name} already, which a run would write over; name another folder"
                )
        if self.path.is_file():
            raise UserError(f"out: {self.path} cannot be written (it is a file); name another folder")

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """The run in this directory.

        Raises:
            UserError: there is none.
        """
        run = cls(Path(path))
        if not run.path.exists():
            raise UserError(f"run: {run.path} does not exist; give a folder that randquant pretrain --out has made")
        if not (run.path / "config.json").is_file():
            raise UserError(
                f"run: {run.path} holds no config.json; give a folder that randquant pretrain --out has made"
            )
        return run

    @property
    def config(self) -> dict[str, Any]:
        """What config.json holds: `settings`, `spec` and `versions`; of a user's own module, the class: `module`."""

        def whole(path: Path) -> dict[str, Any]:
            config = json.loads(path.read_text())
            return {**config, **{name: config[name] for name in ("settings", "versions")}}

        return read(self.path / "config.json", whole)

    def takes_photographs(self, name: str) -> bool:
        """Whether a folder of photographs is named, to a run of a vision backbone that was trained on no other path."""
        backbone = self.config["settings"].get("encoder", {}).get("backbone")
        return bool(backbone) and self.data is None and is_path(name) and are_photographs(name)

    def check_version(self) -> None:
        """Refuse to continue a run of another version.

        Raises:
            UserError: the randquant that made the run differs in more than the last number of its version.
        """
        states.check_version(str(self.config["versions"].get("randquant")), self.path)

    def save_data(self, facts: dict[str, Any]) -> None:
        """Write data.json: what was inferred of the user's own data, and which samples are held out."""
        replace_json(self.path / "data.json", facts)

    @property
    def data(self) -> dict[str, Any] | None:
        """What data.json holds; None where the run was trained on a data set of the catalogue, or from Python."""
        path = self.path / "data.json"
        return read(path, lambda path: dict(json.loads(path.read_text()))) if path.exists() else None

    def save_seen(self, digests: NDArray[np.uint64]) -> None:
        """Write seen.npy: a number for each sample that was trained on, by which it is known again."""
        replace(self.path / "seen.npy", lambda file: np.save(file, np.unique(digests)))

    def seen(self) -> NDArray[np.uint64] | None:
        """The numbers in seen.npy, ascending; None where training has not come to its end."""
        return self._digests("seen.npy")

    def save_taught(self, digests: NDArray[np.uint64]) -> None:
        """Write taught.npy: a number for each sample whose label a fine-tuning has learnt."""
        replace(self.path / "taught.npy", lambda file: np.save(file, np.unique(digests)))

    def taught(self) -> NDArray[np.uint64] | None:
        """The numbers in taught.npy, ascending; None where there was no fine-tuning."""
        return self._digests("taught.npy")

    def _digests(self, name: str) -> NDArray[np.uint64] | None:
        path = self.path / name
        return read(path, np.load) if path.exists() else None

    def log(self, line: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        with writing(self.path), (self.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, oldest first; a line that a sudden end cut short is not one of them."""
        if not (self.path / "metrics.jsonl").exists():  # nothing was logged
            return []
        return read(
            self.path / "metrics.jsonl",
            lambda path: [json.loads(line) for line in path.read_text().split("\n")[:-1]],
        )

    def rewind(self, step: int) -> None:
        """Forget the lines of metrics.jsonl after a step: a resumed training writes them anew."""
        lines = [json.dumps(line) + "\n" for line in self.metrics() if line.get("step", 0) <= step]
        replace(self.path / "metrics.jsonl", lambda file: file.write("".join(lines).encode()))

    def discard(self, *, whole: bool) -> None:
        """Take back what `create` has made, if nothing was logged or saved since.

        Args:
            whole: the directory itself was made too.
        """
        saved = self.has_state() or (self.path / "encoder.safetensors").exists()
        if saved or self.metrics():
            return
        for logger in ("tensorboard", "wandb"):
            shutil.rmtree(self.path / logger, ignore_errors=True)
        for name in ("config.json", "metrics.jsonl", "data.json"):
            (self.path / name).unlink(missing_ok=True)
        if whole and not any(self.path.iterdir()):
            self.path.rmdir()

    def save_encoder(self, encoder: Encoder) -> None:
        """Write encoder.json and encoder.safetensors; a user's own module keeps its own names in the latter.

        Raises:
            UserError: the directory cannot be written, or the module's state holds more than tensors.
        """
        weights.save(self.path, encoder)

    def save_head(self, head: nn.Linear) -> None:
        """Write head.safetensors: `weight` [classes, D] and `bias` [classes] of a fine-tuned encoder's head.

        Raises:
            UserError: the directory cannot be written.
        """
        weights.save_head(self.path, head)

    def head(self) -> nn.Linear:
        """What a fine-tuning put behind the encoder, on the CPU: features [B, D] to logits [B, classes].

        The words for the classes, where there are any, are `config["classes"]`, in the order of the logits.

        Raises:
            UserError: the run is no fine-tuned one, or the file is damaged.
        """
        return weights.load_head(self.path)

    def save_card(self, step: int) -> None:
        """Write README.md, the model card of what is there now: the encoder after that step.

        Raises:
            UserError: the directory cannot be written, or a file of the run is damaged.
        """
        replace(self.path / "README.md", lambda file: file.write(card(self, step=step).encode()))

    def save_results(self, lines: Sequence[dict[str, Any]]) -> None:
        """Append what a probe or a fine-tuning has found to results.jsonl, a line a score, whole.

        Raises:
            UserError: the directory cannot be written.
        """
        append(self.path / "results.jsonl", lines)

    def results(self) -> list[dict[str, Any]]:
        """The lines of results.jsonl, oldest first; a line that a sudden end cut short is not one of them."""
        return whole(self.path / "results.jsonl")

    @overload
    def encoder(self) -> OwnEncoder: ...
    @overload
    def encoder(self, module: nn.Module) -> ForeignEncoder: ...
    def encoder(self, module: nn.Module | None = None) -> Encoder:
        """The trained encoder, in eval mode: rebuilt on the CPU, or the user's own module filled with its weights.

        Args:
            module: one like the user's own module that was trained; it stays on its device.

        Raises:
            UserError: a file is missing or damaged, a module is needed and not given, or it is not one like that.
        """
        return weights.load(self.path) if module is None else weights.fill(self.path, module)

    def save_state(self, state: dict[str, Any], step: int, *, keep: int = 2) -> None:
        """Write the state after a step, tensors and plain values only; the `keep` newest states stay.

        Raises:
            UserError: the directory cannot be written, or the disk is full; all older states are there still.
        """
        states.save(self.path, state, step, keep)

    def has_state(self) -> bool:
        """Whether a state was saved."""
        return bool(states.find(self.path))

    def restore(self, parts: dict[str, Any], values: Sequence[str]) -> list[Any]:
        """Load each part (a module, an optimizer) from its own entry of the newest state, and return those values.

        A damaged state is named in a warning, and the one before is taken.

        Raises:
            UserError: no state can be read, or it is of another version of randquant.
        """
        return states.restore(self.path, parts, values)
