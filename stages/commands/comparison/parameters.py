"""The section `gate` of params.yaml, where the numbers have their reasons."""

from typing import Annotated

from msgspec import Meta

from stages.running.params import Section


class Gate(Section):
    """When the gate of continuous integration is shut."""

    accuracy: Annotated[float, Meta(ge=0, lt=1)] | None
    level: Annotated[float, Meta(gt=0, lt=1)]
