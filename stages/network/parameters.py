"""The sections `model` and `tensorflow` of params.yaml, which explains the values."""

from typing import Annotated, Literal

from msgspec import Meta

from stages.running.params import Section

Share = Annotated[float, Meta(ge=0, lt=1)]


class Model(Section):
    """How the network is built."""

    filters: Annotated[list[Annotated[int, Meta(ge=1, le=4096)]], Meta(min_length=1)]
    kernel_size: Annotated[int, Meta(ge=1, le=100)]
    pool_size: Annotated[int, Meta(ge=1, le=100)]
    conv_dropout: Share
    dense_units: Annotated[int, Meta(ge=1, le=65_536)]
    dense_dropout: Share


class TensorFlow(Section):
    """What TensorFlow computes on.

    instruction_set: "avx2" gives the same bytes on any x86-64 CPU with AVX2; "native" is the fastest of this CPU, and
        gives the same bytes only on CPUs of its kind.
    device: "cpu", which hides GPUs, or "gpu".
    """

    instruction_set: Literal["avx2", "native"]
    device: Literal["cpu", "gpu"]
