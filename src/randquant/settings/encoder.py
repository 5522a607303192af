"""The sizes of an encoder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from randquant.errors import UserError
from randquant.settings.choices import Pooling, check_choices, check_least


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """The sizes of the domain-agnostic transformer."""

    width: int = 96
    """Numbers in a feature, and in every token."""
    depth: int = 3
    """Transformer blocks."""
    heads: int = 4
    """Attention heads."""
    head_width: int = 24
    """Numbers in a head's queries, keys and values."""
    mlp_width: int = 192
    """Hidden units of a block's MLP."""
    dropout: float = 0.0
    """Share of numbers dropped in the embedding, the attention's output and the MLP."""
    pooling: Pooling = "masked"
    """masked: padding is neither attended to nor averaged; all: it is both, as in the DABS benchmark."""
    final_norm: bool = True
    """End with a LayerNorm; the DABS benchmark has none."""

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("width", "depth", "heads", "head_width", "mlp_width"):
            check_least(name, getattr(self, name), 1)
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout: got {self.dropout}, must be at least 0 and below 1")

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EncoderSettings:
        """The settings whose `to_dict` gave these values."""
        return cls(**values)


BENCHMARK_ENCODER = EncoderSettings(
    width=256, depth=12, heads=8, head_width=64, mlp_width=512, dropout=0.1, pooling="all", final_norm=False
)
