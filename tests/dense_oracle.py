"""float32 batches in, quantized batches out, by R boolean planes: the published way, as the oracle of parity.

Written from the published module's described behaviour: the order of its draws, its edge arithmetic, its two top
edges. It shares no line with `randquant.quantize`. Needs (9R + 8) bytes an element beside its input.
"""

from __future__ import annotations

import torch
from torch import Tensor


def draw(
    scopes: int, bins: int, *, edges: str = "random", values: str = "random", device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor | None]:
    """Edge fractions [S, R-1] and value fractions [S, R] (None for "midpoint"), from the default generator."""
    if edges == "random":
        u = torch.rand(scopes * (bins - 1), device=device).view(scopes, bins - 1)
    else:
        step = torch.tensor(1 / bins).item()  # rounded to float32
        u = torch.arange(step, 1, step, device=device).tile(scopes, 1)
    v = torch.rand(scopes * bins, device=device).view(scopes, bins) if values == "random" else None
    return u, v


def quantize_rows(rows: Tensor, u: Tensor, v: Tensor | None) -> Tensor:
    """Quantize S scopes [S, N] with the fractions of `draw`; fails where an element lies in no bin or in two."""
    low, high = rows.amin(1, keepdim=True), rows.amax(1, keepdim=True)
    inner = (u * (high - low) + low).sort(1).values
    left = torch.cat([low, inner], 1)  # [S, R]
    # The maximum itself must lie below the last bin's end, and yet the bin's value is drawn up to the maximum.
    end = torch.cat([inner, high + 1], 1).sort(1).values
    right = torch.cat([inner, high + 1e-6], 1).sort(1).values
    planes = (rows.unsqueeze(1) >= left.unsqueeze(2)) & (rows.unsqueeze(1) < end.unsqueeze(2))  # [S, R, N]
    assert bool((planes.sum(1) == 1).all()), "an element lies in no bin or in several"
    bin_of = planes.int().argmax(1)  # [S, N]
    reproduced = (left + right) / 2 if v is None else left + v * (right - left)
    return reproduced.gather(1, bin_of)


def dense_quantize(x: Tensor, bins: int, *, edges: str = "random", values: str = "random", p: float = 1.0) -> Tensor:
    """Quantize x [B, C, ...], float32, contiguous, bins >= 2; each channel of each sample has bins of its own."""
    rows = x.view(x.shape[0] * x.shape[1], -1)
    u, v = draw(len(rows), bins, edges=edges, values=values, device=x.device)
    quantized = quantize_rows(rows, u, v).view(x.shape)
    if p == 1:
        return quantized
    coins = torch.rand(x.shape[0], device=x.device).view(-1, *[1] * (x.ndim - 1))
    return torch.where(coins < p, quantized, x)
