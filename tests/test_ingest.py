"""Where data may come from."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stages.running.process import InputError
from stages.sources.arrays import NAMES, copy_arrays


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, allow_pickle=False, **arrays)
    return path


def test_an_archive_and_a_folder_give_the_same_bytes(tmp_path: Path, mnist: dict[str, np.ndarray]) -> None:
    (tmp_path / "folder").mkdir()
    for name, array in mnist.items():
        np.save(tmp_path / "folder" / f"{name}.npy", array)
    copy_arrays(write_npz(tmp_path / "a.npz", **mnist), tmp_path / "from_archive")
    copy_arrays(tmp_path / "folder", tmp_path / "from_folder")
    for name, array in mnist.items():
        assert (np.load(tmp_path / "from_archive" / f"{name}.npy") == array).all()
        archived, copied = (tmp_path / place / f"{name}.npy" for place in ("from_archive", "from_folder"))
        assert archived.read_bytes() == copied.read_bytes()


def bad_sources(tmp_path: Path, mnist: dict[str, np.ndarray]) -> dict[str, tuple[Path, str]]:
    some = {name: mnist[name] for name in NAMES[:3]}
    truncated = write_npz(tmp_path / "truncated.npz", **mnist)
    truncated.write_bytes(truncated.read_bytes()[:-1000])
    flipped = write_npz(tmp_path / "flipped.npz", **mnist)
    content = bytearray(flipped.read_bytes())
    content[5000] ^= 255
    flipped.write_bytes(content)
    cut = write_npz(tmp_path / "cut.npz", **mnist)
    cut.write_bytes(cut.read_bytes()[:100])
    text = tmp_path / "text.npz"
    text.write_text("no archive")
    (tmp_path / "empty").mkdir()
    folders = tmp_path / "folders"
    (folders / "x_train.npy").mkdir(parents=True)
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, **{**mnist, "y_test": np.array([print], dtype=object)}, allow_pickle=True)
    garbage = tmp_path / "garbage.npz"
    with zipfile.ZipFile(garbage, "w") as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", "no array")
    claims = tmp_path / "claims.npz"
    with zipfile.ZipFile(claims, "w") as archive:
        for name in NAMES:
            header = io.BytesIO()
            shape = (10**14, 28, 28)
            np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
            archive.writestr(f"{name}.npy", header.getvalue() + bytes(1000))
    return {
        "missing": (tmp_path / "none.npz", r"none\.npz: no such file or folder"),
        "a key short": (write_npz(tmp_path / "short.npz", **some), r"short\.npz: .*y_test\.npy"),
        "truncated": (truncated, r"truncated\.npz: "),
        "cut": (cut, r"cut\.npz: File is not a zip file; a data archive holds"),
        "flipped": (flipped, r"flipped\.npz: x_train\.npy: damaged archive: Bad CRC-32"),
        "text": (text, r"text\.npz: must be an \.npz archive or a folder"),
        "empty folder": (tmp_path / "empty", r"x_train\.npy: no such file or directory; a data folder holds"),
        "folders": (folders, r"x_train\.npy: is a directory; a data folder holds"),
        "pickled": (pickled, r"pickled\.npz: y_test\.npy: holds pickled objects, which are not loaded"),
        "claims": (
            claims,
            r"claims\.npz: x_train\.npy: has 1,128 bytes, but [0-9,]{19,} by its header: uint8 of shape",
        ),
        "lengths": (
            write_npz(tmp_path / "lengths.npz", **{**mnist, "y_test": mnist["y_test"][1:]}),
            r"lengths\.npz: x_test\.npy: 200 images, but .*lengths\.npz: y_test\.npy has 199 labels",
        ),
        "sizes": (
            write_npz(tmp_path / "sizes.npz", **{**mnist, "x_test": mnist["x_test"][:, 1:]}),
            r"sizes\.npz: x_test\.npy: images of \(27, 28\), but .*x_train\.npy has \(28, 28\); must be equal",
        ),
        "garbage": (garbage, r"garbage\.npz: x_train\.npy: not a readable \.npy array"),
    }


CASES = [
    "missing",
    "a key short",
    "truncated",
    "cut",
    "flipped",
    "text",
    "empty folder",
    "folders",
    "pickled",
    "garbage",
]
CASES += ["claims", "lengths", "sizes"]


@pytest.mark.parametrize("case", CASES)
def test_a_bad_source_is_one_clear_error_and_earlier_outputs_stay(
    tmp_path: Path, mnist: dict[str, np.ndarray], case: str
) -> None:
    source, message = bad_sources(tmp_path, mnist)[case]
    raw = tmp_path / "raw"
    copy_arrays(write_npz(tmp_path / "good.npz", **mnist), raw)
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    with pytest.raises(InputError, match=message) as caught:
        copy_arrays(source, raw)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before


def test_data_larger_than_the_free_disk_are_refused_before_anything_is_written(
    small_disk: Path, tmp_path: Path, mnist: dict[str, np.ndarray]
) -> None:
    source = write_npz(tmp_path / "good.npz", **mnist)
    with pytest.raises(InputError, match=r"raw: 62\d,\d{3} bytes to copy, but the disk has \d\d,\d{3} free"):
        copy_arrays(source, small_disk / "raw")
    assert list(small_disk.rglob("*.npy")) == []


def test_a_folder_in_the_place_of_one_output_leaves_all_of_them_as_they_were(
    tmp_path: Path, mnist: dict[str, np.ndarray]
) -> None:
    raw = tmp_path / "raw"
    copy_arrays(write_npz(tmp_path / "a.npz", **mnist), raw)
    (raw / "y_train.npy").unlink()
    (raw / "y_train.npy").mkdir()
    before = {path.name: path.read_bytes() for path in raw.iterdir() if path.is_file()}
    changed = {name: array[::-1] for name, array in mnist.items()}
    with pytest.raises(IsADirectoryError) as caught:
        copy_arrays(write_npz(tmp_path / "b.npz", **changed), raw)
    assert caught.value.filename == str(raw / "y_train.npy")
    assert {path.name: path.read_bytes() for path in raw.iterdir() if path.is_file()} == before
