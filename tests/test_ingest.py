"""Where data may come from."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.running.process import InputError
from stages.sources.options import Options
from stages.sources.raw import NAMES
from stages.sources.recognition import copy_source


def ingest(source: Path, raw: Path, **options: Any) -> list[str]:
    return copy_source(source, raw, Options(**options))


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
    three, linked, piped = (tmp_path / name for name in ("three", "linked", "piped"))
    for folder in (three, linked, piped):
        folder.mkdir()
        for name in NAMES[:3] if folder == three else NAMES[:2]:
            np.save(folder / f"{name}.npy", mnist[name])
    (linked / "x_test.npy").symlink_to(three / "x_test.npy")
    (piped / "y_train.npy").unlink()
    os.mkfifo(piped / "y_train.npy")
    lie = tmp_path / "lie.npz"
    with zipfile.ZipFile(lie, "w") as archive:
        for name in NAMES:
            header = io.BytesIO()
            sizes = [1000, 1, 1] if name[0] == "x" else [1000]
            np.lib.format.write_array_header_1_0(
                header, {"descr": "|u1", "fortran_order": False, "shape": tuple(sizes)}
            )
            archive.writestr(f"{name}.npy", header.getvalue() + bytes(200 if name == "y_test" else 1000))
    content = bytearray(lie.read_bytes())
    at = content.rindex(b"PK\1\2") + 24  # the size of the last member, y_test, in the archive's directory
    content[at : at + 4] = (1128).to_bytes(4, "little")
    lie.write_bytes(content)
    return {
        "missing": (tmp_path / "none.npz", r"none\.npz: no such file or folder"),
        "a key short": (write_npz(tmp_path / "short.npz", **some), r"short\.npz: .*y_test\.npy"),
        "truncated": (truncated, r"truncated\.npz: "),
        "cut": (cut, r"cut\.npz: File is not a zip file; a data archive holds"),
        "flipped": (flipped, r"flipped\.npz: x_train\.npy: damaged archive: Bad CRC-32"),
        "text": (text, r"text\.npz: must be an \.npz archive or a folder"),
        "empty folder": (
            tmp_path / "empty",
            r"empty: no data found: looked for .* \(x_train, .*-idx3-ubyte, or .*cat/1\.png; there is nothing",
        ),
        "three of four": (three, r"three/y_test\.npy: no such file or directory; a data folder holds x_train, "),
        "a link out": (linked, r"linked/x_test\.npy: a link out of .*linked, to .*three/x_test\.npy; must be a copy"),
        "a pipe": (piped, r"piped/y_train\.npy: is not a file"),
        "a lie": (lie, r"lie\.npz: y_test\.npy: ends after 328 of 1,128 bytes"),
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
CASES += ["claims", "lengths", "sizes", "three of four", "a link out", "a pipe", "a lie"]


@pytest.mark.parametrize("case", CASES)
def test_a_bad_source_is_one_clear_error_and_earlier_outputs_stay(
    tmp_path: Path, mnist: dict[str, np.ndarray], case: str
) -> None:
    source, message = bad_sources(tmp_path, mnist)[case]
    raw = tmp_path / "raw"
    ingest(write_npz(tmp_path / "good.npz", **mnist), raw)
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    with pytest.raises(InputError, match=message) as caught:
        ingest(source, raw)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before


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


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"transposed": True}, r"params\.yaml: data\.transposed = True: has no effect on .*a\.npz, .*; must be false"),
        ({"test_split": 0.1}, r"params\.yaml: data\.test_split = 0\.1: has no effect on .*; must be 0\.2"),
        ({"image_size": [2, 3]}, r"params\.yaml: data\.image_size = \[2, 3\]: has no effect on .*; must be null"),
        ({"unreadable_pictures": "leave_out"}, r"data\.unreadable_pictures = 'leave_out': .*; must be error"),
    ],
)
def test_an_option_that_has_no_effect_on_the_source_is_an_error(
    tmp_path: Path, mnist: dict[str, np.ndarray], options: dict[str, Any], line: str
) -> None:
    with pytest.raises(InputError, match=line):
        ingest(write_npz(tmp_path / "a.npz", **mnist), tmp_path / "raw", **options)
    assert not (tmp_path / "raw").exists()


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
