"""Pictures that a camera stored turned come upright, whichever way and in whatever file; damaged ones are refused."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.images.pixels import read_pixels
from stages.pictures.reading import decode
from stages.running.process import InputError

STORED: dict[
    int, Callable[[np.ndarray], np.ndarray]
] = {  # EXIF orientation to what a camera did to the upright picture, as (EXIF 2.32, 4.6.4 A) defines them
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: np.swapaxes(upright, 0, 1),
    6: np.rot90,
    7: lambda upright: np.swapaxes(np.rot90(upright, 2), 0, 1),
    8: lambda upright: np.rot90(upright, 3),
}
FILES: dict[str, dict[str, Any]] = {
    **{f"tiff, {kind or 'not compressed'}": {"format": "TIFF", "compression": kind} for kind in (None, "tiff_lzw")},
    **{f"tiff, {kind}": {"format": "TIFF", "compression": kind} for kind in ("tiff_adobe_deflate", "packbits", "jpeg")},
    "png": {"format": "PNG"},
    "jpeg": {"format": "JPEG", "quality": 95},
    "webp": {"format": "WEBP", "lossless": True},
}


@pytest.mark.parametrize("kind", FILES)
def test_a_turned_picture_is_upright_for_ingest_and_for_predicting(tmp_path: Path, kind: str) -> None:
    upright = np.zeros((32, 48), np.uint8)
    upright[4:12, 8:40] = 255  # a 7: no turn or mirror of it is itself
    upright[12:28, 32:40] = 160
    path = tmp_path / "picture"
    for orientation, mode in itertools.product(STORED, ("L", "RGB")):
        exif = Image.Exif()
        exif[274] = orientation
        stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
        stored.convert(mode).save(path, exif=exif, **FILES[kind])
        pixels = read_pixels(path, 1, None)
        assert pixels.size == upright.shape and pixels.note is None, (orientation, mode)
        ingested = np.frombuffer(pixels.content, np.uint8).reshape(upright.shape)
        image, _, note = decode(path)
        assert image.size == (48, 32) and note is None, (orientation, mode)
        for found in (ingested, np.asarray(image)[..., 0]):
            assert abs(found.astype(int) - upright).mean() < 4, (orientation, mode)


@pytest.mark.parametrize("options", [{}, {"exif": b"Exif\0\0no TIFF header"}], ids=["whole EXIF", "damaged EXIF"])
def test_a_png_of_damaged_pixels_is_refused_and_not_read_in_part(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(path, **options)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged picture"):
        read_pixels(path, 1, None)
    with pytest.raises(InputError, match="damaged picture"):
        decode(path)
