"""Where data may come from."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.running.process import InputError
from stages.sources.parameters import Data
from stages.sources.raw import NAMES
from stages.sources.recognition import copy_source
from tests.project import section


def ingest(source: Path, raw: Path, **options: Any) -> list[str]:
    return copy_source(source, raw, section(Data, **options))


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, allow_pickle=False, **arrays)
    return path


def test_an_archive_and_a_folder_give_the_same_bytes(tmp_path: Path, mnist: dict[str, np.ndarray]) -> None:
    (tmp_path / "folder").mkdir()
    for name, array in mnist.items():
        np.save(tmp_path / "folder" / f"{name}.npy", array)
    ingest(write_npz(tmp_path / "a.npz", **mnist), tmp_path / "from_archive")
    ingest(tmp_path / "folder", tmp_path / "from_folder")
    for name, array in mnist.items():
        assert (np.load(tmp_path / "from_archive" / f"{name}.npy") == array).all()
        archived, copied = (tmp_path / place / f"{name}.npy" for place in ("from_archive", "from_folder"))
        assert archived.read_bytes() == copied.read_bytes()


def npy(shape: tuple[int, ...], data: bytes) -> bytes:
    """An .npy file of bytes with this header, which may lie."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue() + data


def bad_archive(path: Path, mnist: dict[str, np.ndarray], case: str) -> None:
    """Write an archive that must be refused."""
    changed = {
        "a key short": {name: mnist[name] for name in NAMES[:3]},
        "lengths": {**mnist, "y_test": mnist["y_test"][1:]},
        "sizes": {**mnist, "x_test": mnist["x_test"][:, 1:]},
    }
    members: dict[str, dict[str, bytes]] = {
        "garbage": dict.fromkeys(NAMES, b"no array"),
        "claims": dict.fromkeys(NAMES, npy((10**14, 28, 28), bytes(1000))),
        "a lie": {
            name: npy((1000, 1, 1) if name[0] == "x" else (1000,), bytes(200 if name == "y_test" else 1000))
            for name in NAMES
        },
    }
    if case in members:
        with zipfile.ZipFile(path, "w") as archive:
            for name, member in members[case].items():
                archive.writestr(f"{name}.npy", member)
    elif case == "pickled":
        np.savez(path, **{**mnist, "y_test": np.array([print], dtype=object)}, allow_pickle=True)
    else:
        write_npz(path, **changed.get(case, mnist))
    content = bytearray(path.read_bytes())
    if case == "flipped":
        content[5000] ^= 255
    elif case == "a lie":
        at = content.rindex(b"PK\1\2") + 24  # the size of the last member, y_test, in the archive's directory
        content[at : at + 4] = (1128).to_bytes(4, "little")
    written = {"cut": content[:100], "truncated": content[:-1000], "text": bytearray(b"no archive")}.get(case, content)
    path.write_bytes(written)


ARCHIVES = {
    "a key short": r"a\.npz: .*y_test\.npy",
    "truncated": r"a\.npz: ",
    "cut": r"a\.npz: File is not a zip file; a data archive holds",
    "flipped": r"a\.npz: x_train\.npy: damaged archive: Bad CRC-32",
    "text": r"a\.npz: must be an \.npz archive or a folder",
    "pickled": r"a\.npz: y_test\.npy: holds pickled objects, which are not loaded",
    "garbage": r"a\.npz: x_train\.npy: not a readable \.npy array",
    "claims": r"a\.npz: x_train\.npy: has 1,128 bytes, but [0-9,]{19,} by its header: uint8 of shape",
    "a lie": r"a\.npz: y_test\.npy: ends after 328 of 1,128 bytes",
    "lengths": r"a\.npz: x_test\.npy: 200 images, but .*a\.npz: y_test\.npy has 199 labels",
    "sizes": r"a\.npz: x_test\.npy: images of \(27, 28\), but .*x_train\.npy has \(28, 28\); must be equal",
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_a_bad_archive_is_one_clear_error_and_earlier_outputs_stay(
    tmp_path: Path, mnist: dict[str, np.ndarray], case: str
) -> None:
    raw = tmp_path / "raw"
    ingest(write_npz(tmp_path / "good.npz", **mnist), raw)
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    bad_archive(tmp_path / "a.npz", mnist, case)
    with pytest.raises(InputError, match=ARCHIVES[case]) as caught:
        ingest(tmp_path / "a.npz", raw)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before


def test_what_is_no_source_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.npz: no such file or folder"):
        ingest(tmp_path / "none.npz", tmp_path / "raw")
    (tmp_path / "empty").mkdir()
    looked_for = r"empty: no data found: looked for .* \(x_train, .*-idx3-ubyte, or .*cat/1\.png; there is nothing"
    with pytest.raises(InputError, match=looked_for):
        ingest(tmp_path / "empty", tmp_path / "raw")


def test_links_in_a_folder_of_arrays_are_followed_and_what_is_no_file_is_refused(
    tmp_path: Path, mnist: dict[str, np.ndarray]
) -> None:
    source, elsewhere = tmp_path / "source", tmp_path / "elsewhere"
    for folder in (source, elsewhere):
        folder.mkdir()
    for name, array in mnist.items():
        np.save(elsewhere / f"{name}.npy", array)
        (source / f"{name}.npy").symlink_to(elsewhere / f"{name}.npy")
    assert "600 training" in ingest(source, tmp_path / "raw")[0]
    labels = source / "y_test.npy"
    labels.unlink()
    with pytest.raises(InputError, match=r"source/y_test\.npy: no such file; a data folder holds x_train, "):
        ingest(source, tmp_path / "raw")
    for make in (os.mkfifo, os.mkdir):
        make(labels)
        with pytest.raises(InputError, match=r"source/y_test\.npy: is not a file"):
            ingest(source, tmp_path / "raw")
        labels.unlink() if labels.is_fifo() else labels.rmdir()


def test_data_larger_than_the_free_disk_are_refused_before_anything_is_written(
    small_disk: Path, tmp_path: Path, mnist: dict[str, np.ndarray]
) -> None:
    source = write_npz(tmp_path / "good.npz", **mnist)
    with pytest.raises(InputError, match=r"raw: 62\d,\d{3} bytes to copy, but the disk has \d\d,\d{3} free"):
        ingest(source, small_disk / "raw")
    assert list(small_disk.rglob("*.npy")) == []


def test_a_folder_in_the_place_of_one_output_leaves_all_of_them_as_they_were(
    tmp_path: Path, mnist: dict[str, np.ndarray]
) -> None:
    raw = tmp_path / "raw"
    ingest(write_npz(tmp_path / "a.npz", **mnist), raw)
    (raw / "y_train.npy").unlink()
    (raw / "y_train.npy").mkdir()
    before = {path.name: path.read_bytes() for path in raw.iterdir() if path.is_file()}
    changed = {name: array[::-1] for name, array in mnist.items()}
    with pytest.raises(IsADirectoryError) as caught:
        ingest(write_npz(tmp_path / "b.npz", **changed), raw)
    assert caught.value.filename == str(raw / "y_train.npy")
    assert {path.name: path.read_bytes() for path in raw.iterdir() if path.is_file()} == before


def test_the_log_says_what_the_source_was_taken_for(tmp_path: Path, mnist: dict[str, np.ndarray]) -> None:
    source = write_npz(tmp_path / "a.npz", **mnist)
    assert ingest(source, tmp_path / "raw") == [
        f"{source}: an archive of .npy arrays: 600 training and 200 test images of 28x28"
    ]


def test_a_source_of_two_kinds_is_refused(tmp_path: Path, mnist: dict[str, np.ndarray]) -> None:
    for name, array in mnist.items():
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "train-images-idx3-ubyte").touch()
    with pytest.raises(InputError, match=r"holds the four arrays as \.npy files and IDX files .*; must be of one kind"):
        ingest(tmp_path, tmp_path / "raw")


def test_a_member_that_would_inflate_without_a_limit_is_refused(tmp_path: Path, mnist: dict[str, np.ndarray]) -> None:
    """Eight bytes of a bzip2 or LZMA member can take gigabytes of memory."""
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "b.npz", "w", method) as archive:
            for name, array in mnist.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array)
        with pytest.raises(InputError, match=r"x_train\.npy: must be compressed as numpy does, or not at all"):
            ingest(tmp_path / "b.npz", tmp_path / "raw")


def test_a_header_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path, mnist: dict[str, np.ndarray]) -> None:
    for name, array in mnist.items():
        np.save(tmp_path / f"{name}.npy", array)
    with (tmp_path / "x_train.npy").open("wb") as file:
        file.write(b"\x93NUMPY\x02\x00" + (3_000_000_000).to_bytes(4, "little"))
        file.truncate(3_000_000_012)  # a sparse file
    with pytest.raises(InputError, match=r"x_train\.npy: a header of 3,000,000,000 bytes; must be at most 10,000"):
        ingest(tmp_path, tmp_path / "raw")


@pytest.mark.parametrize("shape", ["(1" + "0" * 5000 + ", 8, 8)", "(" + "9" * 4000 + ", " + "9" * 4000 + ")"])
def test_a_header_of_absurd_numbers_is_one_clear_line(tmp_path: Path, mnist: dict[str, np.ndarray], shape: str) -> None:
    for name, array in mnist.items():
        np.save(tmp_path / f"{name}.npy", array)
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".encode()
    (tmp_path / "x_train.npy").write_bytes(b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header + b"0")
    with pytest.raises(InputError, match=r"x_train\.npy: ") as caught:
        ingest(tmp_path, tmp_path / "raw")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
