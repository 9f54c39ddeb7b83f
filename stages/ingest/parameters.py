"""The section `data` of params.yaml, which explains the values."""

from typing import Annotated, Literal

from msgspec import Meta

from stages.running.params import FileName, Section

Side = Annotated[int, Meta(ge=1, le=4096)]


class Data(Section):
    """Where the data are, and what cannot be inferred from them."""

    source: FileName
    transposed: bool
    test_split: Annotated[float, Meta(gt=0, lt=1)]
    image_size: Annotated[list[Side], Meta(min_length=2, max_length=2)] | None
    channels: Literal[1, 3] | None
    unreadable_pictures: Literal["error", "leave_out"]
