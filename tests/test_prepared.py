"""Normalizing, one-hot, and the files in between."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from stages.arrays.npy import CHUNK_BYTES
from stages.arrays.prepared import open_prepared
from stages.dataset.preparation import normalize, one_hot, write_prepared
from stages.running.process import InputError


@pytest.mark.parametrize(("layout", "shape"), [("channels_last", (2, 3, 4, 1)), ("channels_first", (2, 1, 3, 4))])
def test_normalize_scales_to_one_and_adds_the_channel_axis(layout: str, shape: tuple[int, ...]) -> None:
    images = np.linspace(0, 255, 24).reshape(2, 3, 4)
    for given in (images, images[..., np.newaxis], np.asfortranarray(images), images.astype(">f8")):
        normalized = normalize(given, layout)
        assert normalized.shape == shape and normalized.dtype == np.float32
        assert normalized.min() == 0 and normalized.max() == 1
        assert np.allclose(normalized.reshape(2, 3, 4) * 255, images)


def test_one_hot_has_a_single_one_in_the_column_of_the_label() -> None:
    assert one_hot(np.array([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert one_hot(np.array([1.0]), 3).dtype == np.float32


def test_an_array_of_many_chunks_is_written_as_numpy_would_save_it(tmp_path: Path) -> None:
    images = (np.arange(7000 * 28 * 28) % 256).astype(np.uint8).reshape(7000, 28, 28)
    assert images.nbytes * 4 > CHUNK_BYTES
    write_prepared(tmp_path / "x.npy", images, partial(normalize, image_data_format="channels_last"))
    np.save(tmp_path / "whole.npy", normalize(images, "channels_last"))
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_prepared_files_of_another_kind_are_refused_by_name(tmp_path: Path) -> None:
    x, y = np.zeros((3, 4, 4, 1), np.float32), np.zeros((3, 10), np.float32)
    cases: list[tuple[str, np.ndarray, np.ndarray, str]] = [
        ("raw", x.astype(np.uint8), y, r"raw_x\.npy: uint8 of shape .* must be prepared images"),
        ("rank", x[..., 0], y, r"rank_x\.npy: float32 of shape \(3, 4, 4\)"),
        ("labels", x, y.argmax(axis=1), r"labels_y\.npy: int64 of shape \(3,\), must be one-hot"),
        ("length", x, y[:2], r"length_x\.npy: 3 images, but .*length_y\.npy has 2 labels"),
    ]
    for name, images, labels, message in cases:
        np.save(tmp_path / f"{name}_x.npy", images)
        np.save(tmp_path / f"{name}_y.npy", labels)
        with pytest.raises(InputError, match=message):
            open_prepared(tmp_path / f"{name}_x.npy", tmp_path / f"{name}_y.npy")
