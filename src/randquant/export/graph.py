"""An encoder in, an ONNX graph out, for any number of samples at a time."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from randquant.export.format import Features
from randquant.export.kept import keep_form
from randquant.export.measured import Measured
from randquant.export.tried import made_up
from randquant.libraries import library

SUFFIX = ".onnx"


class _Features(nn.Module):
    """The encoder, each input its own argument, as a graph has them."""

    def __init__(self, encoder: Measured) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, *inputs: Tensor) -> Tensor:
        features: Tensor = self.encoder(inputs)
        return features


def write(encoder: Measured, path: Path) -> list[Path]:
    """Write one file: inputs `input0`, `input1`, …, output `features`; the spec is its metadata."""
    for name in ("onnx", "onnxscript"):
        library(name, "export", "to")
    inputs = made_up(encoder, 3).given
    any_number = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about its own exporter
        program = torch.onnx.export(
            _Features(encoder).eval(),
            inputs,
            dynamo=True,
            dynamic_shapes=(tuple({0: any_number} for _ in inputs),),
            input_names=_names(len(inputs)),
            output_names=["features"],
            verbose=False,
            external_data=False,
        )
    assert program is not None
    program.model.metadata_props["randquant"] = json.dumps(encoder.spec.to_dict())
    program.save(path)
    return [path, *keep_form(encoder, path)]


def read(path: Path, encoder: Measured) -> Features:
    """What the graph gives on the CPU."""
    session = library("onnxruntime", "export", "to").InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def features(inputs: Sequence[Tensor]) -> Tensor:
        named = {name: values.numpy() for name, values in zip(_names(len(inputs)), inputs, strict=True)}
        return torch.from_numpy(session.run(["features"], named)[0])

    return features


def loading(encoder: Measured, path: Path) -> str:
    """Three lines, without torch or randquant."""
    named = ", ".join(f'"{name}": {name}' for name in _names(len(encoder.spec.inputs)))
    return (
        "import onnxruntime\n"
        f'session = onnxruntime.InferenceSession("{path.name}")\n'
        f'(features,) = session.run(["features"], {{{named}}})  # numpy arrays as above; gives [B, D]\n'
    )


def _names(count: int) -> list[str]:
    return [f"input{place}" for place in range(count)]
