"""Training images turned, sheared, zoomed and shifted at random: the network then knows more hands than wrote them."""

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from stages.network.affine import transform_images

GOLDEN, FIRST, SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed at most, to either side; each amount is drawn evenly up to it.

    rotation: degrees.
    shear: of the columns, by row: 0.25 slants as far as a steep handwriting does.
    zoom: share by which rows and columns grow or shrink, each on its own.
    shift: pixels, along rows and along columns.
    """

    rotation: float = 0
    shear: float = 0
    zoom: float = 0
    shift: float = 0

    def apply(
        self, images: NDArray[np.float32], rows: NDArray[np.int64], image_data_format: str, seed: int, epoch: int
    ) -> NDArray[np.float32]:
        """Change images, (n, rows, cols, channels) or channels first, as follows from (seed, epoch, row) alone.

        Args:
            rows: which rows of the training set the images are, (n,).
        """
        if not any(astuple(self)):
            return images
        amounts = (uniform(seed, epoch, rows, 6) * 2 - 1).T
        return transform_images(
            images,
            image_data_format,
            turn=np.deg2rad(self.rotation) * amounts[0],
            shear=self.shear * amounts[1],
            zoom_across=1 + self.zoom * amounts[2],
            zoom_down=1 + self.zoom * amounts[3],
            right=self.shift * amounts[4],
            down=self.shift * amounts[5],
        )


def uniform(seed: int, epoch: int, rows: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """`count` random numbers in [0, 1) for each row, (n, count), that follow from (seed, epoch, row) alone.

    SplitMix64 (Steele, Lea and Flood 2014): each number is a hash of its place, so that any rows can be drawn alone.
    """
    start = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
    places = rows.astype(np.uint64)[:, None] * np.uint64(count) + np.arange(count, dtype=np.uint64)
    mixed = np.asarray(start + (places + np.uint64(1)) * GOLDEN, np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * SECOND
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2**53
