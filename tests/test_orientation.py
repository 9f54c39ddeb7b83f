"""Pictures that a camera stored turned come upright, whichever way and in whatever file; damaged ones are refused."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.picture_files.decoding import strict_warnings
from stages.picture_files.picture import decode, read_picture
from stages.picture_files.pixels import read_pixels
from stages.running.process import InputError

# EXIF orientation to what a camera did to the upright picture, as (EXIF 2.32, 4.6.4 A) defines them.
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
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
    "tiff, lzw": {"format": "TIFF", "compression": "tiff_lzw"},
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


READERS: dict[str, Callable[[Path], object]] = {
    "ingest": lambda path: read_pixels(path, 3, None),
    "predict-sample": read_picture,
}


@pytest.mark.parametrize("reader", READERS)
def test_damaged_pixels_are_refused_and_not_read_in_part(tmp_path: Path, reader: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))
    path = tmp_path / "a.png"
    for exif in (b"", b"Exif\0\0no TIFF header"):
        noise.save(path, exif=exif)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(InputError, match="damaged picture"):
            READERS[reader](path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp"])
def test_flipped_bytes_are_one_line_and_never_a_traceback(tmp_path: Path, suffix: str, reader: str) -> None:
    rng = np.random.default_rng(2)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).save(path)
    content = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(40):
        damaged = content.copy()
        damaged[rng.integers(len(content), size=3)] = rng.integers(256, size=3)
        path.write_bytes(damaged.tobytes())
        try:
            with strict_warnings():
                READERS[reader](path)
        except InputError as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)
