"""Training images turned, sheared, zoomed and shifted at random: the network then knows more hands than wrote them."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from stages.network.affine import transform_images
from stages.training.parameters import Augmentation

AMOUNTS = 6  # of a change


def augment(images: NDArray[np.float32], amounts: NDArray[np.float64], most: Augmentation) -> NDArray[np.float32]:
    """Change images, float32 (n, rows, cols, channels) or channels first.

    Args:
        amounts: of each image's change the shares, from -1 to 1, of the most that is allowed, (n, AMOUNTS).
    """
    if not any(msgspec.structs.astuple(most)):
        return images
    turn, shear, across, down, right, below = amounts.T
    return transform_images(
        images,
        turn=np.deg2rad(most.rotation) * turn,
        shear=most.shear * shear,
        zoom_across=1 + most.zoom * across,
        zoom_down=1 + most.zoom * down,
        right=most.shift * right,
        down=most.shift * below,
    )
