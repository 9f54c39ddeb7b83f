"""The section `train` of params.yaml, which explains the values."""

from typing import Annotated, Literal

from msgspec import Meta

from stages.running.params import Section
from stages.train.augmentation import Augmentation


class Train(Section):
    """How the network is fitted.

    outliers: the largest share of each batch that glyphs of no class replace; each is made from two rows of a shard.
    """

    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    epochs: Annotated[int, Meta(ge=1, le=10_000)]
    batch_size: Annotated[int, Meta(ge=1, le=65_536)]
    learning_rate: Annotated[float, Meta(gt=0, lt=10)]
    schedule: Literal["constant", "cosine"]
    early_stopping: Annotated[int, Meta(ge=1, le=10_000)] | None
    validation_split: Annotated[float, Meta(gt=0, lt=1)]
    validation_rows: Literal["last", "stratified"]
    shards: Annotated[int, Meta(ge=1, le=1024)]
    augmentation: Augmentation
    outliers: Annotated[float, Meta(ge=0, le=0.5)]

    def __post_init__(self) -> None:
        """Refuse contradictory values."""
        if self.shards > self.batch_size:
            raise ValueError(f"train.shards = {self.shards}: must be at most train.batch_size = {self.batch_size}")
        if self.outliers and 2 * self.shards > self.batch_size:
            least = f"{2 * self.shards}, twice train.shards"
            raise ValueError(f"train.outliers = {self.outliers:g}: must be 0 where train.batch_size is below {least}")
