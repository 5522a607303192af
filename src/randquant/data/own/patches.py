"""A grid's sides in, the patch that a token covers out, with the reason in one line."""

from __future__ import annotations

import math

from randquant.errors import UserError

_TOKENS = {1: 64, 2: 8, 3: 4}  # a side, at most; 64 in all
_SIDES = {1: "steps", 2: "pixels", 3: "voxels"}


def choose_patch(size: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    """The patch, the sides filled up to a whole number of patches, and a line that says why.

    Args:
        size: places along each dimension.
        wanted: by the user, one number for all dimensions or one each; () leaves it to the rule: 64 tokens at most,
            at least two places each way, and a divisor of the side where one is near.

    Raises:
        UserError: `wanted` has another number of dimensions, or is larger than the grid.
    """
    if wanted:
        patch = wanted * len(size) if len(wanted) == 1 else wanted
        if len(patch) != len(size):
            raise UserError(f"patch: got {wanted} for a grid of {_told(size)}, must be one number a dimension, or one")
        if any(one > side for one, side in zip(patch, size, strict=True)):
            raise UserError(f"patch: got {_told(patch)}, must be at most {_told(size)}, the size of a sample")
        why = "as --patch says"
    else:
        patch = tuple(_side(side, _TOKENS[len(size)]) for side in size)
        why = "64 tokens at most; --patch sets it"
    filled = tuple(-(-side // one) * one for side, one in zip(size, patch, strict=True))
    tokens = math.prod(filled) // math.prod(patch)
    more = "" if filled == size else f", filled up to {_told(filled)} by masked places"
    return patch, filled, f"patch: {_told(patch)} of {_told(size)} {_SIDES[len(size)]}{more}: {tokens} tokens ({why})"


def _side(side: int, tokens: int) -> int:
    least = max(2 if side >= 4 else 1, -(-side // tokens))
    return next((one for one in range(least, 2 * least + 1) if side % one == 0), least)


def _told(sides: tuple[int, ...]) -> str:
    return "x".join(map(str, sides))
