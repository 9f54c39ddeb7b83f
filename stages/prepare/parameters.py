"""The section `prepare` of params.yaml, which explains the values."""

from typing import Annotated, Literal

from msgspec import Meta

from stages.running.params import FileName, Section

Name = Annotated[str, Meta(min_length=1, description="text, in quotes if it looks like a number or a date")]


class Prepare(Section):
    """The form of raw images and labels, and of prepared ones."""

    raw_image_data_format: Literal["channels_last", "channels_first"]
    image_data_format: Literal["channels_last", "channels_first"]
    scale: Annotated[float, Meta(gt=1e-30, lt=1e30)] | None  # far from where float32 ends
    classes: Annotated[int, Meta(ge=2, le=100_000)] | None
    class_names: Annotated[list[Name], Meta(min_length=1)] | None
    extra: FileName
    strict: bool
