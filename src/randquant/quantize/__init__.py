"""A tensor in, a quantized tensor out: randomized quantization and nothing else."""

from randquant.quantize.operation import randomized_quantize
from randquant.quantize.transform import RandomizedQuantization

__all__ = ["randomized_quantize", "RandomizedQuantization"]
