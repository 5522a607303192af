"""What was inferred of a path, as plain values, in; the same raw values made the same inputs of another path out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from randquant.data.own.columns import TableForm
from randquant.data.own.grids import GridForm
from randquant.data.own.words import TextForm
from randquant.spec import Grid, Input, Table, Tokens

InputForm: TypeAlias = GridForm | TableForm | TextForm


@dataclass(frozen=True)
class Form:
    """How a path becomes inputs. It is kept with a run, so that other paths become inputs the same way.

    Args:
        kind: of the source, as `open.KINDS` has it.
        how: what the source was opened with.
        inputs: the form of each input.
    """

    kind: str
    how: dict[str, Any]
    inputs: tuple[InputForm, ...]

    @property
    def specs(self) -> tuple[Input, ...]:
        """What comes out."""
        return tuple(one.spec for one in self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        inputs = [{"form": one.spec.kind, **asdict(one)} for one in self.inputs]
        return {"kind": self.kind, "how": self.how, "inputs": inputs}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Form:
        """The form whose `to_dict` gave these values."""
        return cls(values["kind"], values["how"], tuple(_form(one) for one in values["inputs"]))


def _form(values: dict[str, Any]) -> InputForm:
    fields = dict(values)
    form, spec = fields.pop("form"), fields.pop("spec")
    if form == Grid.kind:
        return GridForm(Grid(**spec), **fields)
    if form == Table.kind:
        return TableForm(Table(**spec), **fields)
    return TextForm(Tokens(**spec), **fields)
