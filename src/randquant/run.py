"""A run directory: what a training leaves behind, and how it is opened again.

| file | holds |
|---|---|
| config.json | every setting, the spec, versions |
| metrics.jsonl | one line a logged step |
| encoder.safetensors, encoder.json | the encoder's weights, and what rebuilds it |
| state.pt | all that a resumed training needs: tensors and plain values |

Every file but metrics.jsonl is written beside its target, flushed to disk, then renamed over it: a reader finds the
old one or the new one, never a half.
"""

from __future__ import annotations

import json
import os
import pickle
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from randquant import __version__
from randquant.encoder import DomainAgnosticTransformer
from randquant.errors import UserError
from randquant.settings import EncoderSettings
from randquant.spec import Spec

_UNREADABLE = (
    *(OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError),
    *(pickle.UnpicklingError, SafetensorError),
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
        if (run.path / "config.json").exists():
            raise UserError(f"out: {run.path} holds a run already; continue it with --resume, or name another folder")
        versions = {
            "randquant": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
        with _writing(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
        run._write_json("config.json", {**config, "versions": versions})
        with _writing(run.path):
            (run.path / "metrics.jsonl").write_text("")
        return run

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
        """What config.json holds: `settings`, `spec` and `versions`."""

        def whole(path: Path) -> dict[str, Any]:
            config = json.loads(path.read_text())
            return {**config, **{name: config[name] for name in ("settings", "versions")}}

        config: dict[str, Any] = self._read("config.json", whole)
        return config

    def log(self, line: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        with _writing(self.path), (self.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, oldest first; a line that a sudden end cut short is not one of them."""
        if not (self.path / "metrics.jsonl").exists():  # nothing was logged
            return []

        def lines(path: Path) -> list[dict[str, Any]]:
            return [json.loads(line) for line in path.read_text().split("\n")[:-1]]

        read: list[dict[str, Any]] = self._read("metrics.jsonl", lines)
        return read

    def rewind(self, step: int) -> None:
        """Forget the lines of metrics.jsonl after a step: a resumed training writes them anew."""
        lines = [json.dumps(line) + "\n" for line in self.metrics() if line.get("step", 0) <= step]
        self._replace("metrics.jsonl", lambda file: file.write("".join(lines).encode()))

    def save_encoder(self, encoder: DomainAgnosticTransformer) -> None:
        """Write encoder.json and encoder.safetensors."""
        self._write_json("encoder.json", {"spec": encoder.spec.to_dict(), "settings": encoder.settings.to_dict()})
        weights = {name: value.detach().cpu().contiguous() for name, value in encoder.state_dict().items()}
        self._replace("encoder.safetensors", lambda file: file.write(safetensors.torch.save(weights)))

    def encoder(self) -> DomainAgnosticTransformer:
        """The trained encoder, rebuilt from its two files, on the CPU and in eval mode.

        Raises:
            UserError: a file is missing or damaged.
        """

        def rebuild(path: Path) -> DomainAgnosticTransformer:
            recipe = json.loads(path.read_text())
            spec, settings = Spec.from_dict(recipe["spec"]), EncoderSettings.from_dict(recipe["settings"])
            with torch.device("meta"):  # the weights come from the other file: draw none
                return DomainAgnosticTransformer(spec, settings)

        encoder: DomainAgnosticTransformer = self._read("encoder.json", rebuild)

        def fill(path: Path) -> None:
            encoder.load_state_dict(safetensors.torch.load(path.read_bytes()), assign=True)

        self._read("encoder.safetensors", fill)
        return encoder.eval()

    def save_state(self, state: dict[str, Any]) -> None:
        """Write state.pt; `state` holds tensors and plain values only."""
        self._replace("state.pt", lambda file: torch.save(state, file))

    def has_state(self) -> bool:
        """Whether a state was saved."""
        return (self.path / "state.pt").exists()

    def restore(self, parts: dict[str, Any], values: Sequence[str]) -> list[Any]:
        """Load each part (a module, an optimizer) from its own entry of state.pt, and return the values of those names.

        Raises:
            UserError: the file is missing, damaged, or of another training.
        """

        def fill(path: Path) -> list[Any]:
            state = torch.load(path, map_location="cpu", weights_only=True)
            found = [state[name] for name in values]
            for name, part in parts.items():
                part.load_state_dict(state[name])
            return found

        found: list[Any] = self._read("state.pt", fill)
        return found

    def state(self) -> dict[str, Any]:
        """What state.pt holds, on the CPU.

        Raises:
            UserError: the file is missing or damaged.
        """
        state: dict[str, Any] = self._read(
            "state.pt", lambda path: torch.load(path, map_location="cpu", weights_only=True)
        )
        return state

    def _read(self, name: str, read: Callable[[Path], Any]) -> Any:
        path = self.path / name
        try:
            return read(path)
        except FileNotFoundError:
            raise UserError(f"run: {self.path} holds no {name}; finish the training with --resume") from None
        except _UNREADABLE as error:
            raise UserError(
                f"run: {path} cannot be read ({type(error).__name__}); it is damaged or not ours"
            ) from error

    def _write_json(self, name: str, values: dict[str, Any]) -> None:
        self._replace(name, lambda file: file.write((json.dumps(values, indent=2) + "\n").encode()))

    def _replace(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        target = self.path / name
        beside = target.with_name(f"{name}.part")
        with _writing(self.path):
            with beside.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn a folder's refusal to be written into one line."""
    try:
        yield
    except OSError as error:
        raise UserError(f"out: {folder} cannot be written ({error.strerror}); name another folder") from error
