"""Outliers: glyphs of no class that follow from the seed, and of which the history counts none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.glyphs import fit_into_field
from stages.train.outliers import DRAWS, KINDS, add_outliers
from tests.project import copy_project

RNG = np.random.default_rng(0)
LABELS = np.eye(3, dtype=np.float32)[RNG.integers(3, size=24)]
SHARDS = [slice(0, 8), slice(8, 16), slice(16, 24)]


def scribbles(n: int) -> Any:
    """Glyphs unlike each other, as fields of 28x28."""
    glyphs = np.zeros((n, 28, 28, 1), np.float32)
    for glyph in glyphs:
        parts = np.kron(RNG.random((4, 3)) < 0.5, np.ones((5, 5))).astype(np.float32)
        parts[:5, :5] = 1
        glyph[..., 0] = fit_into_field(parts, 28, 28)
    return glyphs


IMAGES = scribbles(24)
DRAWN = RNG.random((24, DRAWS))


def test_outliers_replace_their_share_of_rows_with_a_uniform_label() -> None:
    images, labels = add_outliers(IMAGES, LABELS, SHARDS, DRAWN, 0.5)
    changed = (images != IMAGES).any(axis=(1, 2, 3))
    assert 6 <= changed.sum() <= (DRAWN[:, 0] < 0.5).sum() and not changed[DRAWN[:, 0] >= 0.5].any()
    np.testing.assert_array_equal(labels[~changed], LABELS[~changed])
    np.testing.assert_allclose(labels[changed], 1 / 3, atol=1e-6)
    assert images.dtype == labels.dtype == np.float32 and images.min() >= 0 and images.max() <= 1


def test_a_shard_has_the_same_outliers_whichever_others_are_there() -> None:
    images, labels = add_outliers(IMAGES, LABELS, SHARDS, DRAWN, 1)
    for shard in SHARDS:
        alone = add_outliers(IMAGES[shard], LABELS[shard], [slice(0, 8)], DRAWN[shard], 1)
        np.testing.assert_array_equal(alone[0], images[shard])
        np.testing.assert_array_equal(alone[1], labels[shard])
    first = add_outliers(np.moveaxis(IMAGES, -1, 1), LABELS, SHARDS, DRAWN, 1)
    np.testing.assert_array_equal(first[0][:, 0], images[..., 0])
    one = [slice(row, row + 1) for row in range(24)]
    np.testing.assert_array_equal(add_outliers(IMAGES, LABELS, one, DRAWN, 1)[0], IMAGES)  # there is no other glyph


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1), (2, 5), (7, 30)])
def test_images_of_any_shape_have_outliers(shape: tuple[int, int]) -> None:
    images = (RNG.random((24, *shape, 1)) < 0.3).astype(np.float32)
    assert add_outliers(images, LABELS, SHARDS, DRAWN, 1)[0].shape == images.shape


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_every_kind_fills_the_box_and_is_centred(kind: Any) -> None:
    for row in range(12):
        outlier = kind(IMAGES[row, ..., 0], IMAGES[row + 12, ..., 0], RNG.random(DRAWS - 3))
        ys, xs = np.nonzero(outlier > 0.3)
        assert outlier.shape == (28, 28) and 17 <= max(np.ptp(ys), np.ptp(xs)) + 1 <= 20


def test_what_looks_like_a_glyph_of_the_shard_is_no_outlier() -> None:
    """The mirror image of what is its own."""
    bar = np.zeros((8, 28, 28, 1), np.float32)
    bar[:, 4:24, 12:16] = 1
    draws = DRAWN[:8].copy()
    draws[:, 2] = ([kind.__name__ for kind in KINDS].index("mirrored") + 0.5) / len(KINDS)
    images, labels = add_outliers(bar, LABELS[:8], [slice(0, 8)], draws, 1)
    np.testing.assert_array_equal(images, bar)
    np.testing.assert_array_equal(labels, LABELS[:8])


def test_outliers_are_refused_of_images_that_are_no_glyphs(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    (project.root / "glyphs").mkdir()
    np.save(project.root / "glyphs/images.npy", RNG.random((64, 12, 12, 1), np.float32))
    np.save(project.root / "glyphs/labels.npy", np.eye(2, dtype=np.float32)[RNG.integers(2, size=64)])
    (project.root / "glyphs/dataset.json").write_text('{"centred_glyphs": false, "extra": 0}')
    project.set_param("train.outliers", 0.2)
    run = project.run("python", "-m", "stages.train", "glyphs", "out", "out")
    assert run.returncode == 1 and not (project.root / "out").exists()
    message = "params.yaml: train.outliers = 0.2: is for light glyphs in the centre of a dark field, which these images"
    assert message in run.stderr and "Traceback" not in run.stderr
