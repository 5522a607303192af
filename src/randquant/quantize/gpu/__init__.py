"""Scopes and what was drawn in, quantized scopes out: compiled for the GPU."""
