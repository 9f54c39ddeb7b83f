"""Where data may come from."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.ingest.parameters import Data
from stages.ingest.raw import FILES
from stages.ingest.sources import copy_source
from stages.running.process import InputError
from tests.project import section


def ingest(source: Path, raw: Path, **options: Any) -> list[str]:
    return copy_source(source, raw, section(Data, **options))


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, allow_pickle=False, **arrays)
    return path


def save_all(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def npy(shape: tuple[int, ...], data: bytes) -> bytes:
    """An .npy file of bytes with this header, which may lie."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue() + data


def bad_archive(path: Path, mnist: dict[str, np.ndarray], case: str) -> None:
    """Write an archive that must be refused."""
    changed: dict[str, dict[str, np.ndarray]] = {
        "a key short": {name: mnist[name] for name in list(FILES)[:3]},
        "lengths": {**mnist, "y_test": mnist["y_test"][1:]},
        "sizes": {**mnist, "x_test": mnist["x_test"][:, 1:]},
        "scalars": {name: np.zeros(()) for name in FILES},
        "pickled": {**mnist, "y_test": np.array([print], dtype=object)},
    }
    members: dict[str, dict[str, bytes]] = {
        "garbage": dict.fromkeys(FILES, b"no array"),
        "claims": dict.fromkeys(FILES, npy((10**14, 28, 28), bytes(1000))),
    }
    if case in members:
        with zipfile.ZipFile(path, "w") as archive:
            for name, member in members[case].items():
                archive.writestr(f"{name}.npy", member)
    else:
        np.savez(path, **changed.get(case, mnist), allow_pickle=True)
    content = bytearray(path.read_bytes())
    if case == "flipped":
        content[5000] ^= 255
    path.write_bytes({"cut": bytes(content[:100]), "text": b"no archive"}.get(case, bytes(content)))


ARCHIVES = {
    "a key short": r"a\.npz/y_test\.npy: no such file; a data source must hold x_train, y_train, x_test, y_test as",
    "cut": r"a\.npz: damaged archive \(File is not a zip file\); must hold x_train, ",
    "flipped": r"a\.npz: damaged archive \(Bad CRC-32 for file 'x_train\.npy'\)",
    "text": r"a\.npz: no data found: must be an \.npz archive, or hold",
    "pickled": r"a\.npz/y_test\.npy: not a readable .* Python objects .*; text must be saved as array\.astype\(str\)",
    "garbage": r"a\.npz/x_train\.npy: not a readable \.npy array",
    "claims": r"a\.npz/x_train\.npy: not a readable \.npy array .*: mmap length is greater than file size",
    "scalars": r"a\.npz/x_train\.npy: 0 images, but .*y_train\.npy has 0 labels; must be equal, and above 0",
    "lengths": r"a\.npz/x_test\.npy: 200 images, but .*a\.npz/y_test\.npy has 199 labels",
    "sizes": r"a\.npz/x_test\.npy: images of \(27, 28, 1\), but .*x_train\.npy has \(28, 28, 1\); must be equal",
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_a_bad_archive_is_one_clear_error_and_earlier_outputs_stay(
    tmp_path: Path, mnist: dict[str, np.ndarray], case: str
) -> None:
    raw, good = tmp_path / "raw", write_npz(tmp_path / "good.npz", **mnist)
    assert ingest(good, raw) == [f"{good}: an archive of .npy arrays: 600 training and 200 test images of 28x28"]
    before = {path: path.read_bytes() for path in raw.rglob("*.*")}
    bad_archive(tmp_path / "a.npz", mnist, case)
    with pytest.raises(InputError, match=ARCHIVES[case]) as caught:
        ingest(tmp_path / "a.npz", raw)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in raw.rglob("*.*")} == before


def test_what_is_no_source_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.npz: no such file or folder"):
        ingest(tmp_path / "none.npz", tmp_path / "raw")
    (tmp_path / "empty").mkdir()
    looked_for = r"empty: no data found: must be an .*-idx3-ubyte, or pictures .*1\.png; there is nothing"
    with pytest.raises(InputError, match=looked_for):
        ingest(tmp_path / "empty", tmp_path / "raw")


def test_links_to_arrays_are_followed_and_what_is_no_file_is_refused(
    tmp_path: Path, mnist: dict[str, np.ndarray]
) -> None:
    elsewhere, source = save_all(tmp_path / "elsewhere", mnist), tmp_path / "source"
    source.mkdir()
    for path in elsewhere.iterdir():
        (source / path.name).symlink_to(path)
    assert "600 training" in ingest(source, tmp_path / "raw")[0]
    labels = source / "y_test.npy"
    labels.unlink()
    with pytest.raises(InputError, match=r"source/y_test\.npy: no such file; a data source must hold x_train, "):
        ingest(source, tmp_path / "raw")
    os.mkfifo(labels)
    with pytest.raises(InputError, match=r"source/y_test\.npy: no such file"):
        ingest(source, tmp_path / "raw")


def test_a_full_disk_is_an_error_of_the_output_and_nothing_stays(
    small_disk: Path, tmp_path: Path, mnist: dict[str, np.ndarray]
) -> None:
    source = write_npz(tmp_path / "good.npz", **mnist)
    with pytest.raises(OSError, match="No space left on device") as caught:
        ingest(source, small_disk / "raw")
    assert caught.value.filename == str(small_disk / "raw/train/images.npy")
    assert list(small_disk.rglob("*.npy")) == []


def test_a_source_of_two_kinds_is_refused(tmp_path: Path, mnist: dict[str, np.ndarray]) -> None:
    save_all(tmp_path, mnist)
    (tmp_path / "train-images-idx3-ubyte").touch()
    with pytest.raises(InputError, match=r"holds the \.npy files x_train, .* and IDX files .*; must be of one kind"):
        ingest(tmp_path, tmp_path / "raw")


@pytest.mark.parametrize("shape", ["(1" + "0" * 5000 + ", 8, 8)", "(" + "9" * 4000 + ", " + "9" * 4000 + ")"])
def test_an_absurd_header_is_one_clear_line(tmp_path: Path, mnist: dict[str, np.ndarray], shape: str) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".encode()
    with (save_all(tmp_path, mnist) / "x_train.npy").open("wb") as file:
        file.write(b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header + b"0")
    with pytest.raises(InputError, match=r"x_train\.npy: ") as caught:
        ingest(tmp_path, tmp_path / "raw")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_names_in_capitals_and_in_a_folder_of_an_archive_are_the_arrays(
    tmp_path: Path, mnist: dict[str, np.ndarray]
) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name, array in mnist.items():
            with archive.open(f"data/{name.capitalize()}.npy", "w") as entry:
                np.lib.format.write_array(entry, array)
    assert "600 training" in ingest(tmp_path / "a.npz", tmp_path / "raw")[0]
    for name, file in FILES.items():
        assert (np.load(tmp_path / "raw" / file) == mnist[name]).all()


def test_two_files_for_one_array_are_refused(tmp_path: Path, mnist: dict[str, np.ndarray]) -> None:
    source = save_all(tmp_path / "source", mnist)
    np.save(source / "X_train.npy", mnist["x_train"][::-1])
    with pytest.raises(InputError, match=r"source: holds X_train\.npy and x_train\.npy; must hold one x_train\.npy"):
        ingest(source, tmp_path / "raw")


def test_a_zip_of_class_folders_says_what_it_holds_and_what_to_do(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("cat/1.png", b"")
        archive.writestr("dog/2.png", b"")
    holds = r"must hold x_train, .* as \.npy; it holds cat/1\.png, dog/2\.png; unzip class folders first"
    with pytest.raises(InputError, match=rf"photos\.zip/x_train\.npy: no such file; a data source {holds}"):
        ingest(tmp_path / "photos.zip", tmp_path / "raw")
