"""A data set in, a page out: some samples before and after randomized quantization, and what the bins keep of them."""

from randquant.preview.command import html, preview

__all__ = ["preview", "html"]
