"""The prepared files."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from stages.arrays.npy import CHUNK_BYTES
from stages.arrays.prepared import Dataset, open_prepared, read_dataset
from stages.dataset.scaling import normalize
from stages.dataset.writing import write_prepared
from stages.running.process import InputError


def test_an_array_of_many_chunks_is_written_as_numpy_would_save_it(tmp_path: Path) -> None:
    images = (np.arange(7000 * 28 * 28) % 256).astype(np.uint8).reshape(7000, 28, 28)
    assert images.nbytes * 4 > CHUNK_BYTES
    write_prepared(tmp_path / "x.npy", images, partial(normalize, white=255, image_data_format="channels_last"))
    np.save(tmp_path / "whole.npy", normalize(images, 255, "channels_last"))
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


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1]", "[" * 100_000, '{"classes": [0, 1]}', '{"classes": [0], "centred_glyphs": true, "x": 1}'],
)
def test_a_description_of_another_kind_is_one_clear_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "d.json").write_text(content)
    with pytest.raises(InputError, match=r"d\.json: must be what the prepare stage wrote"):
        read_dataset(tmp_path / "d.json")
    with pytest.raises(InputError, match=r"none\.json: no such file; `dvc repro` makes it"):
        read_dataset(tmp_path / "none.json")
    (tmp_path / "d.json").write_text(
        '{"image_data_format": "channels_last", "classes": ["a", "b"], "centred_glyphs": false}'
    )
    assert read_dataset(tmp_path / "d.json") == Dataset("channels_last", ["a", "b"], False)
