"""The section `predict` of params.yaml, which explains the values."""

from typing import Annotated, Literal

from msgspec import Meta

from stages.running.params import FileName, Section


class Predict(Section):
    """What predict-sample predicts, and how a picture is read."""

    input: FileName
    index: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    preprocessing: Literal["digit", "plain"]
