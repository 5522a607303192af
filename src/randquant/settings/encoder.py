"""What an encoder is: the sizes of the domain-agnostic transformer, or the name of a vision model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from randquant.errors import UserError
from randquant.settings.choices import Pooling, Stem, check_choices, check_least

_SIZES = ("width", "depth", "heads", "head_width", "mlp_width")


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """The sizes of the domain-agnostic transformer, or the name of a vision model instead of it.

    A size of 0 is not given: it is that of `SMALLER`, or for a path of many samples that of `LARGER`.
    """

    width: int = 0
    """Numbers in a feature, and in every token; 0 is 96, or for a path of 20,000 samples or more 128."""
    depth: int = 0
    """Transformer blocks; 0 is 3 or 4."""
    heads: int = 0
    """Attention heads; 0 is 4."""
    head_width: int = 0
    """Numbers in a head's queries, keys and values; 0 is 24 or 32."""
    mlp_width: int = 0
    """Hidden units of a block's MLP; 0 is 192 or 256."""
    dropout: float = 0.0
    """Share of numbers dropped in the embedding, the attention's output and the MLP."""
    pooling: Pooling = "masked"
    """masked: padding is neither attended to nor averaged; all: it is both, as in the DABS benchmark."""
    final_norm: bool = True
    """Whether a LayerNorm stands at the end: --no-final-norm leaves it out, as the DABS benchmark does."""
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
        for name in _SIZES:
            check_least(name, getattr(self, name), 0)
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout: got {self.dropout}, must be at least 0 and below 1")
        if not self.backbone and (self.stem != "published" or self.zero_init_residual):
            raise UserError("backbone: got none, but stem and zero_init_residual are for one, such as resnet18")

    def filled(self, sizes: EncoderSettings | None = None) -> EncoderSettings:
        """The same settings, with the sizes that are not given from others, `SMALLER` by default."""
        others = sizes or SMALLER
        return replace(self, **{name: getattr(self, name) or getattr(others, name) for name in _SIZES})

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold, every size among them."""
        return asdict(self.filled())

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EncoderSettings:
        """The settings whose `to_dict` gave these values."""
        return cls(**values)


def check_start(start: str, encoder: EncoderSettings) -> None:
    """Raise a UserError where first weights are named and there is no backbone for them."""
    if start and not encoder.backbone:
        raise UserError(
            f"start: got {start}, but first weights are for a --backbone, such as resnet50; "
            "fill a module of your own before it is trained"
        )


SMALLER = EncoderSettings(width=96, depth=3, heads=4, head_width=24, mlp_width=192)
LARGER = EncoderSettings(width=128, depth=4, heads=4, head_width=32, mlp_width=256)
BENCHMARK_ENCODER = EncoderSettings(
    width=256, depth=12, heads=8, head_width=64, mlp_width=512, dropout=0.1, pooling="all", final_norm=False
)
