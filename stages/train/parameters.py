"""The section `train` of params.yaml, where the numbers have their reasons."""

from typing import Annotated, Literal

from msgspec import Meta

from stages.running.params import Section
from stages.train.augmentation import Augmentation


class Train(Section):
    """How the network is fitted.

    outliers: the share of each batch, at most, that glyphs of no class take the place of; each is made of two rows of a
        shard.
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
        """Refuse what does not go together."""
        if self.shards > self.batch_size:
            raise ValueError(f"train.shards = {self.shards}: must be at most train.batch_size = {self.batch_size}")
        if self.outliers and 2 * self.shards > self.batch_size:
            least = f"{2 * self.shards}, twice train.shards"
            raise ValueError(f"train.outliers = {self.outliers:g}: must be 0 where train.batch_size is below {least}")
