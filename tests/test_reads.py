"""Settings that a method says it reads change what it does; all others change nothing, and are refused."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from randquant.bench.configurations import STRENGTHS, worded
from randquant.data import open_data
from randquant.errors import UserError
from randquant.methods import METHODS, PARTNERS, UNTRAINED, read_by, settings_of
from randquant.pretrain import pretrain
from randquant.pretrain.checks import check_details
from randquant.recipes.imagenet import EXPERIMENTS
from randquant.settings import AUGMENTED, MethodSettings, SuperviseSettings
from randquant.settings.choices import Scale
from randquant.supervise.training import make_chain
from samples import SPECS, batch, draws
from test_methods import FACTS, build

# Everything happens to about half of the views.
BUSY = MethodSettings(
    at="both", projection=8, hidden=12, momentum=0.9, crop_smallest=0.4, shift_largest=0.6, corrupted=0.4,
    **{name: 0.5 for name in MethodSettings.__dataclass_fields__ if name.endswith("_share")},
)  # fmt: skip
OTHER: dict[str, Any] = {
    "edges": "quantile", "values": "midpoint", "per": "sample", "at": "input", "quantized_views": "one",
    "gradient": "none", "mixture_weights": "batch", "heads_for": "vit", "bins": 3, "projection": 6, "hidden": 10,
    "corrupted": 0.9,
}  # fmt: skip

SEEING = [f"flip+{name}" if FACTS[name].compares_views and name not in PARTNERS else name for name in METHODS]


def trained(name: str, details: MethodSettings) -> list[Tensor] | None:
    """What two steps leave of encoder and method, and their losses; None where the method refuses its settings."""
    try:
        encoder, method = build(name, SPECS["2d"], **{one.name: getattr(details, one.name) for one in fields(details)})
    except UserError:
        return None
    torch.manual_seed(0)  # for dropout
    optimizer = torch.optim.SGD([*encoder.parameters(), *method.parameters()], lr=0.1)
    samples, losses = batch(SPECS["2d"], 8), []
    for step in range(2):
        loss = method(encoder, samples, draws(samples, step), step / 2).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return [*losses, *[one.detach() for one in encoder.parameters()], *[one.detach() for one in method.parameters()]]


@pytest.mark.parametrize("name", SEEING)
def test_what_changes_a_method_is_what_it_reads(name: str) -> None:
    before = trained(name, BUSY)
    assert before is not None
    effective = set()
    for one in fields(MethodSettings):
        other = OTHER[one.name] if one.name in OTHER else getattr(BUSY, one.name) * 0.5
        after = trained(name, replace(BUSY, **{one.name: other}))
        if after is None or len(after) != len(before) or not all(map(torch.equal, before, after)):
            effective.add(one.name)
    assert effective == settings_of(name)


def test_a_setting_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(UserError, match=r"^bins: method mae does not read it, .* read by rq, noise, uniform$"):
        pretrain("digits", out=out, method="mae", method_details=MethodSettings(bins=4), steps=1)
    with pytest.raises(UserError, match=r"^temperature: method none does not read it"):
        pretrain("digits", out=out, method=UNTRAINED, method_details=MethodSettings(temperature=1), steps=1)
    with pytest.raises(UserError, match=r"^corrupted: method rq does not read it, .* read by shed, mae, capri$"):
        pretrain("digits", out=out, protocol="dabs", method_details=MethodSettings(corrupted=0.5), steps=1)
    assert not out.exists()


def test_what_a_partner_reads_is_taken(tmp_path: Path) -> None:
    pretrain("digits", out=tmp_path / "a", method="rq+mae", method_details=MethodSettings(bins=4), steps=1, quiet=True)
    # A benchmark says of a domain where values are changed, whatever the method.
    pretrain("digits", out=tmp_path / "b", method="emix", method_details=MethodSettings(at="both"), steps=1, quiet=True)


def test_a_supervised_training_refuses_it_too(tmp_path: Path) -> None:
    def chain(augment: str, details: MethodSettings) -> None:
        make_chain(SuperviseSettings(data="digits", out=tmp_path, augment=augment, method_details=details), data)

    data = open_data("digits")
    chain("rq", replace(AUGMENTED, bins=4))
    chain("none", AUGMENTED)
    with pytest.raises(UserError, match=r"^bins: augment none does not read it"):
        chain("none", replace(AUGMENTED, bins=4))
    with pytest.raises(UserError, match=r"^temperature: augment crop does not read it"):
        chain("crop", replace(AUGMENTED, temperature=0.4))


def test_a_further_configuration_names_what_its_method_reads() -> None:
    assert worded("temperature=0.3", "images", "emix").strength == {"temperature": 0.3}
    with pytest.raises(UserError, match=r"^bins: method emix does not read it"):
        worded("bins=8", "images", "emix")


@pytest.mark.parametrize("name", STRENGTHS)
def test_the_eight_vary_what_their_method_reads(name: str) -> None:
    assert {one for strength in STRENGTHS[name] for one in strength} <= settings_of(name)


@pytest.mark.parametrize("name", [one.name for one in EXPERIMENTS.values() if one.kind != "verify"])
@pytest.mark.parametrize("scale", ["full", "tiny"])
def test_recipes_tell_their_method_what_it_reads(name: str, scale: Scale, tmp_path: Path) -> None:
    experiment = EXPERIMENTS[name]
    if experiment.kind == "supervise":
        partners = [PARTNERS[word] for word in experiment.method.split("+")]
        changed = experiment.supervision("data", tmp_path, scale=scale).method_details.changed(AUGMENTED)
        assert set(changed) <= read_by(*partners)
    else:
        check_details(experiment.pretraining("data", tmp_path, 1_281_167, scale=scale))
