"""A run directory: what a training leaves behind, and how it is opened again.

| file | holds |
|---|---|
| config.json | every setting, the spec, versions |
| metrics.jsonl | one line a logged step |
| README.md | the model card |
| results.jsonl | what probes have read from the encoder, or a fine-tuning has found, a line a score |
| encoder.safetensors, encoder.json | the encoder's weights, and what rebuilds it |
| data.json, seen.npy | of own data: how they are read, what is held out; digests of the samples that were trained on |
| head.safetensors, taught.npy | of a fine-tuning: its head; digests of the samples whose labels it has learnt |
| state-000000500.pt, … | all that a training needs to go on from that step: tensors and plain values |

Every file but metrics.jsonl and results.jsonl is written beside its target, flushed to disk, then renamed over it: a
reader finds the old one or the new one, never a half.
"""

from randquant.run.directory import Run
from randquant.run.own import open_for, open_own

__all__ = ["Run", "open_for", "open_own"]
