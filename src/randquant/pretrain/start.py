"""Settings and data in, the run directory of a training out: a new one, or the one to go on with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

from randquant.data import Dataset
from randquant.data.fingerprint import fingerprint
from randquant.device import resolved
from randquant.errors import UserError
from randquant.run import Run
from randquant.run.weights import class_name
from randquant.settings import PretrainSettings


@contextmanager
def started_run(settings: PretrainSettings, dataset: Dataset, module: nn.Module | None = None) -> Iterator[None]:
    """Make the run directory, or look whether the one that is there can be gone on with.

    What is written down is what is done: the device that "auto" means here, and of a user's own module its class, not
    the sizes of an encoder. If the training fails before anything has come of it, a new directory is taken back.

    Raises:
        UserError: there is a run already, or none to go on with; it was started with other settings or other data, all
            of which the error names; it is of another version; the directory cannot be written.
    """
    known = fingerprint(dataset.parts["train"])
    if not settings.resume:
        new = not settings.out.exists()
        values = meant(settings.to_dict())
        config: dict[str, Any] = {"settings": values, "spec": dataset.spec.to_dict(), "samples": known}
        if module is not None:
            del values["encoder"]
            config["module"] = class_name(module)
        run = Run.create(settings.out, config)
        if dataset.own is not None:
            run.save_data(dataset.own.to_dict())
        try:
            yield
        except BaseException:
            run.discard(whole=new)
            raise
        return
    run = Run.open(settings.out)
    run.check_version()
    began = run.config
    if module is None and "module" in began:
        raise UserError(f"encoder: got none, but it was started with a module of your own, {began['module']}; give one")
    now = meant(settings.decisive())
    if module is not None:
        del now["encoder"]
    told = [
        *other_settings(meant(began["settings"]), now),
        *other_samples(began.get("samples", known), known),
    ]
    if told:
        raise UserError(f"{'; '.join(told)}; {run.path} can only be resumed unchanged")
    yield


def meant(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as plain values, with the device that they mean here."""
    return {**values, "device": resolved(values["device"])}


def other_settings(before: Mapping[str, Any], decisive: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each single setting that decides over what comes out and is another one now.

    Args:
        before: all settings, as JSON had them.
        decisive: those that count, as JSON would have them.
    """
    began, now = _single(before), _single(decisive)
    for name in now:
        if began.get(name) != now[name]:
            yield f"{name}: got {now[name]}, but it was started with {began.get(name)}"


def other_samples(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """One sentence, if these are other samples: on the first thing in which they differ, for the others follow."""
    differing = [name for name in now if before[name] != now[name]]
    if not differing:
        return
    if differing[0] == "samples":
        yield f"data: got {now['samples']} samples, but it was started with {before['samples']}"
    elif differing[0] == "inputs":
        yield f"data: got inputs {_joined(now['inputs'])}, but it was started with {_joined(before['inputs'])}"
    else:
        yield f"data: got samples with other {differing[0]} than those it was started with"


def _joined(inputs: Sequence[str]) -> str:
    return " and ".join(inputs)


def _single(settings: Mapping[str, Any], front: str = "") -> dict[str, Any]:
    """Settings inside of settings by a name of their own: `encoder.width`."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= _single(value, f"{front}{name}.") if isinstance(value, Mapping) else {front + name: value}
    return found
