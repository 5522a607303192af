"""What an encoder is: the sizes of the domain-agnostic transformer, or the name of a vision model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from randquant.errors import UserError
from randquant.settings.choices import Pooling, Stem, check_choices, check_least


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """The sizes of the domain-agnostic transformer, or the name of a vision model instead of it."""

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
    backbone: str = ""
    """A vision model of torchvision or timm, such as resnet50, in the place of the transformer and its sizes."""
    stem: Stem = "published"
    """small, for images of 32x32: a ResNet's first convolution is 3x3 and keeps the size, with no pooling after it;
    mocov3, for timm's vision transformers: positions of sines and cosines and a random projection of the patches,
    neither of them trained, and MoCo v3's own first weights and number of heads."""
    zero_init_residual: bool = False
    """A ResNet's residual blocks start as the identity: the last normalisation of each has a scale of 0."""

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("width", "depth", "heads", "head_width", "mlp_width"):
            check_least(name, getattr(self, name), 1)
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout: got {self.dropout}, must be at least 0 and below 1")
        if not self.backbone and (self.stem != "published" or self.zero_init_residual):
            raise UserError("backbone: got none, but stem and zero_init_residual are for one, such as resnet18")

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
