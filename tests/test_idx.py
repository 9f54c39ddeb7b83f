"""IDX files are read as MNIST's authors, their mirrors and EMNIST write them, and strictly."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.ingest.parameters import Data
from stages.ingest.raw import FILES
from stages.ingest.sources import copy_source
from stages.running.process import InputError
from tests.project import section

rng = np.random.default_rng(0)
ARRAYS = {
    "train-images-idx3-ubyte": rng.integers(0, 256, (30, 4, 5), dtype=np.uint8),
    "train-labels-idx1-ubyte": rng.integers(0, 10, 30, dtype=np.uint8),
    "t10k-images-idx3-ubyte": rng.integers(0, 256, (10, 4, 5), dtype=np.uint8),
    "t10k-labels-idx1-ubyte": rng.integers(0, 10, 10, dtype=np.uint8),
}


def idx(array: np.ndarray, shape: tuple[int, ...] | None = None, magic: bytes | None = None) -> bytes:
    """The bytes of an IDX file; another shape or magic makes it lie."""
    sizes = b"".join(size.to_bytes(4, "big") for size in shape or array.shape)
    return (magic or bytes([0, 0, 8, array.ndim])) + sizes + array.tobytes()


def write(folder: Path, prefix: str = "", suffix: str = "", dot: bool = False, test: str = "t10k") -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in ARRAYS.items():
        name = prefix + name.replace("t10k", test)
        name = name.replace("-idx", ".idx") if dot else name
        content = idx(array)
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix == ".gz" else content)
    return folder


def ingest(source: Path, raw: Path, **options: Any) -> list[str]:
    return copy_source(source, raw, section(Data, **options))


@pytest.mark.parametrize(
    "naming", [{}, {"dot": True, "suffix": ".gz"}, {"prefix": "emnist-balanced-", "suffix": ".gz", "test": "test"}]
)
def test_the_usual_names_gzipped_or_not_give_the_arrays(tmp_path: Path, naming: dict[str, Any]) -> None:
    source = write(tmp_path / "source", **naming)
    (source / "emnist-balanced-mapping.txt").write_text("0 48\n")
    assert ingest(source, tmp_path / "raw") == [f"{source}: IDX files: 30 training and 10 test images of 4x5"]
    for file, array in zip(FILES.values(), ARRAYS.values(), strict=True):
        found = np.load(tmp_path / "raw" / file)
        assert found.dtype == np.uint8 and (found == array).all() and found.shape == array.shape


def test_of_a_folder_with_both_as_torchvision_leaves_it_plain_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "source", suffix=".gz")
    for path in write(tmp_path / "source").glob("*.gz"):
        path.write_bytes(b"not looked at")
    assert "30 training" in ingest(tmp_path / "source", tmp_path / "raw")[0]


def test_images_stored_by_columns_are_transposed_if_the_parameter_says(tmp_path: Path) -> None:
    (line,) = ingest(write(tmp_path / "source", suffix=".gz"), tmp_path / "raw", transposed=True)
    assert line.endswith("images of 5x4")
    found = np.load(tmp_path / "raw/train/images.npy")
    assert (found == ARRAYS["train-images-idx3-ubyte"].transpose(0, 2, 1)).all()
    assert (np.load(tmp_path / "raw/train/labels.npy") == ARRAYS["train-labels-idx1-ubyte"]).all()


IMAGES = ARRAYS["train-images-idx3-ubyte"]
GOOD = idx(IMAGES)
FLIPPED = bytearray(gzip.compress(GOOD))
FLIPPED[-6] ^= 255  # of the checksum at the end

BAD = {
    "of shorts": (idx(IMAGES, magic=b"\0\0\x0b\3"), "starts with 00 00 0b 03; must be an IDX file of unsigned bytes"),
    "empty": (b"", "starts with nothing; must be an IDX file"),
    "cut short": (GOOD[:-20], "declares 600 bytes, more than the file can hold"),
    "too long": (GOOD + b"\0", "holds more bytes than the 600 that its header"),
    "gzip, terabytes": (gzip.compress(idx(IMAGES, (2**32 - 1,) * 3)), "bytes, more than the file can hold"),
    "gzip, cut short": (gzip.compress(GOOD)[:-200], "damaged archive: Compressed file ended before"),
    "gzip, of less": (gzip.compress(GOOD[:-1]), "holds fewer bytes than the 600 that its"),
    "gzip, of more": (gzip.compress(GOOD + bytes(1 << 24)), "holds more bytes than the 600 that its"),
    "gzip, checksum": (bytes(FLIPPED), "damaged archive: CRC check failed"),
    "gzip, of noise": (b"\x1f\x8b" + bytes(range(100)), "damaged archive: Unknown compression method"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_line_and_nothing_is_written(tmp_path: Path, case: str) -> None:
    content, message = BAD[case]
    source = write(tmp_path / "source")
    (source / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(InputError, match=rf"train-images-idx3-ubyte: .*{message}") as caught:
        ingest(source, tmp_path / "raw")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.npy"))


def test_what_is_missing_double_or_of_several_data_sets_is_named(tmp_path: Path) -> None:
    source = write(tmp_path / "source")
    (source / "t10k-labels-idx1-ubyte").rename(source / "labels")
    with pytest.raises(InputError, match="source: has IDX files, but no t10k-labels-idx1-ubyte among them"):
        ingest(source, tmp_path / "raw")
    (source / "labels").rename(source / "t10k-labels-idx1-ubyte")
    (source / "test-labels-idx1-ubyte").touch()
    with pytest.raises(InputError, match="t10k-labels-idx1-ubyte, test-labels-idx1-ubyte: several files for y_test"):
        ingest(source, tmp_path / "raw")
    write(source, prefix="emnist-letters-")
    with pytest.raises(InputError, match=r"several data sets: emnist-letters-.*, train-.*; must be of one"):
        ingest(source, tmp_path / "raw")
