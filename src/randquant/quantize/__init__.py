"""A tensor in, a quantized tensor out: randomized quantization and nothing else."""

from .operation import randomized_quantize
from .transform import RandomizedQuantization

__all__ = ["randomized_quantize", "RandomizedQuantization"]
