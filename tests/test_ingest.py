"""Where data may come from."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from stages.ingest import NAMES, ingest
from stages.process import InputError


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
    return {
        "missing": (tmp_path / "none.npz", r"none\.npz: no such file or folder"),
        "a key short": (write_npz(tmp_path / "short.npz", **some), r"short\.npz: .*y_test\.npy"),
        "truncated": (truncated, r"truncated\.npz: "),
        "cut": (cut, r"cut\.npz: File is not a zip file; a data archive holds"),
        "flipped": (flipped, r"flipped\.npz: x_train\.npy: damaged archive: Bad CRC-32"),
        "text": (text, r"text\.npz: must be an \.npz archive or a folder"),
        "empty folder": (tmp_path / "empty", r"x_train\.npy: no such file or directory; a data folder holds"),
        "folders": (folders, r"x_train\.npy: is a directory; a data folder holds"),
        "pickled": (pickled, r"pickled\.npz: y_test\.npy: not a readable \.npy array"),
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
