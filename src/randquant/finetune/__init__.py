"""A run and labelled data in, result lines out: end-to-end fine-tuning, beside the same encoder from scratch."""

from randquant.finetune.compare import finetune

__all__ = ["finetune"]
