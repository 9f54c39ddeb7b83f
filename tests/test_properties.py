"""Any valid data set becomes what plain numpy makes of it; any broken one gets one line and leaves no output."""

import gzip
import json
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins
from PIL import Image

from stages import prepare
from stages.arrays.class_names import natural_order
from stages.dataset.parameters import Prepare
from stages.running.process import InputError
from stages.sources.parameters import Data
from stages.sources.recognition import copy_source
from tests.project import section

NAMES = ["a", "b10", "b2", "Äpfel, grün", "10", "9", "x y", "$c$"]


@dataclass
class DataSet:
    """Images (n, rows, cols, channels) of 0..white and class numbers, and how they are to be stored."""

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    white: float
    kind: str
    form: str
    dtype: str
    order: str
    channels_first: bool
    channel_axis: bool
    image_data_format: str

    def stored_images(self, name: str) -> np.ndarray:
        pixels = self.images[name].astype(self.dtype)
        if not self.channel_axis:
            pixels = pixels[..., 0]
        elif self.channels_first:
            pixels = np.moveaxis(pixels, -1, 1)
        return np.asarray(pixels, order=self.order)  # type: ignore[call-overload]

    def stored_labels(self, name: str) -> np.ndarray:
        labels = self.labels[name]
        classes = 1 + max(int(each.max()) for each in self.labels.values())
        names = np.array(NAMES)[labels]
        forms = {
            "numbers": labels.astype(">i2" if self.order == "F" else "u1"),
            "floats": labels.astype("<f4"),
            "column": labels[:, np.newaxis],
            "one-hot": np.eye(classes)[labels],
            "names": names,
            "bytes": np.char.encode(names, "utf-8"),
        }
        return forms[self.form]

    def classes(self) -> list[Any]:
        present = sorted({int(label) for labels in self.labels.values() for label in labels})
        if self.form in ("names", "bytes"):
            return natural_order(NAMES[label] for label in present)
        return list(range(max(present) + 1))


@st.composite
def data_sets(draw: Any) -> DataSet:
    kind = draw(st.sampled_from(["npz", "npy", "idx", "idx.gz", "folders"]))
    rows, cols = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    channels = draw(st.sampled_from({"npz": [1, 2, 3, 4], "npy": [1, 2, 3, 4], "folders": [1, 3]}.get(kind, [1])))
    dtype, white = draw(st.sampled_from([("u1", 255), ("<i8", 255), (">u2", 65535), ("<f4", 255), (">f8", 1)]))
    form = draw(st.sampled_from(["numbers", "floats", "column", "one-hot", "names", "bytes"]))
    if kind not in ("npz", "npy"):
        dtype, white, form = "u1", 255, "names" if kind == "folders" else "numbers"
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = {"train": draw(st.integers(2, 8)), "test": draw(st.integers(1, 5))}
    images, labels = {}, {}
    for name, n in sizes.items():
        pixels = rng.integers(0, 256, (n, rows, cols, channels)) / 255 * white
        images[name] = pixels if dtype[1] == "f" or dtype[-2] == "f" else np.floor(pixels)
        images[name].reshape(-1)[0] = white
        labels[name] = rng.integers(0, len(NAMES), n)
    labels["train"][:2] = [0, 1]
    if kind == "folders":  # a class without a training picture is an error there
        labels["test"] = rng.choice(labels["train"], sizes["test"])
    return DataSet(
        images,
        labels,
        white,
        kind,
        form,
        dtype,
        draw(st.sampled_from("CF")),
        draw(st.booleans()) if kind in ("npz", "npy") else False,
        channels > 1 or (kind in ("npz", "npy") and draw(st.booleans())),
        draw(st.sampled_from(["channels_last", "channels_first"])) if cols > 4 else "channels_last",
    )


def write_idx(path: Path, array: np.ndarray) -> None:
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype("u1").tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write(data: DataSet, source: Path) -> Path:
    """Store a data set in its kind; returns the source."""
    arrays = {f"x_{name}": data.stored_images(name) for name in data.images}
    arrays |= {f"y_{name}": data.stored_labels(name) for name in data.images}
    if data.kind == "npz":
        np.savez_compressed(source / "data.npz", allow_pickle=False, **arrays)
        return source / "data.npz"
    if data.kind == "npy":
        for name, array in arrays.items():
            np.save(source / f"{name}.npy", array)
    elif data.kind == "folders":
        for name, labels in data.labels.items():
            for row, label in enumerate(labels):
                folder = source / name / NAMES[label]
                folder.mkdir(parents=True, exist_ok=True)
                pixels = data.images[name][row].astype("u1")
                Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0]).save(folder / f"{row:03}.png")
    else:
        for name, prefix in (("train", "train"), ("test", "t10k")):
            end = ".gz" if data.kind == "idx.gz" else ""
            write_idx(source / f"{prefix}-images-idx3-ubyte{end}", data.images[name][..., 0])
            write_idx(source / f"{prefix}-labels-idx1-ubyte{end}", data.labels[name])
    return source


def run(source: Path, folder: Path, **changed: Any) -> None:
    """Ingest and prepare, in this process; the contact sheet has tests of its own."""
    copy_source(source, folder / "raw", section(Data))
    words = ["prepare", "--raw", str(folder / "raw"), "--prepared", str(folder / "prepared")]
    words += ["--look", str(folder / "look.json"), "--sheet", str(folder / "sheet.png")]
    with (
        patch.object(sys, "argv", words),
        patch("stages.running.params.read_params", lambda: {"prepare": to_builtins(section(Prepare, **changed))}),
        patch("stages.dataset.contact_sheet.draw_contact_sheet"),
    ):
        prepare.main()


def params_for(data: DataSet) -> dict[str, Any]:
    """What a person would have to say of it."""
    first = data.channels_first and data.channel_axis
    occurring, classes = len({int(n) for labels in data.labels.values() for n in labels}), len(data.classes())
    return {
        "raw_image_data_format": "channels_first" if first else "channels_last",
        "image_data_format": data.image_data_format,
        "scale": None if data.white in (255, 65535) else data.white,
        "classes": classes if 2 * occurring < classes else None,
    }


def in_any_order(images: np.ndarray, labels: np.ndarray) -> list[tuple[bytes, bytes]]:
    return sorted((image.tobytes(), label.tobytes()) for image, label in zip(images, labels, strict=True))


@given(data_sets())
def test_a_valid_data_set_of_any_form_becomes_what_numpy_makes_of_it(data: DataSet) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "source").mkdir()
        run(write(data, folder / "source"), folder, **params_for(data))
        classes = json.loads((folder / "prepared/dataset.json").read_text())["classes"]
        assert classes == data.classes()
        for name in data.images:
            images, labels = (np.load(folder / f"prepared/{letter}_{name}.npy") for letter in "xy")
            expected = data.images[name].astype(data.dtype).astype(np.float32) / np.float32(data.white)
            if data.image_data_format == "channels_first":
                expected = expected.transpose(0, 3, 1, 2)
            called = [NAMES[label] if data.form in ("names", "bytes") else label for label in data.labels[name]]
            numbers = [classes.index(label) for label in called]
            one_hot = np.eye(len(classes), dtype=np.float32)[numbers]
            assert images.shape == expected.shape and labels.shape == one_hot.shape
            if data.kind == "folders":
                assert in_any_order(images[:], labels) == in_any_order(expected, one_hot)
            else:
                assert (images[:] == expected).all() and (labels == one_hot).all()


@given(data_sets(), st.sampled_from(["cut", "emptied", "removed", "garbage", "folder"]), st.floats(0, 0.999))
def test_a_damaged_source_is_one_line_and_leaves_no_output(data: DataSet, how: str, place: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "source").mkdir()
        source = write(data, folder / "source")
        if data.kind == "folders" and how in ("removed", "folder"):  # one picture fewer is a data set, too
            how = "garbage"
        files = sorted(path for path in (folder / "source").rglob("*") if path.is_file())
        file = files[int(place * len(files))]
        content = file.read_bytes()
        if how in ("removed", "folder"):
            file.unlink()
            if how == "folder":
                file.mkdir()
        else:
            cut = content[: int(place * 0.6 * len(content))]
            file.write_bytes({"cut": cut, "emptied": b"", "garbage": b"no such format\n" * 20}[how])
        with pytest.raises(InputError) as caught:
            run(source, folder, **params_for(data))
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
        assert list(folder.glob("raw/*")) == list(folder.glob("prepared/*")) == []


def test_a_data_set_that_prepare_refuses_leaves_nothing_of_its_own(tmp_path: Path) -> None:
    for name, n in (("train", 8), ("test", 4)):
        np.save(tmp_path / f"x_{name}.npy", np.full((n, 2, 2), 99, np.uint8))
        np.save(tmp_path / f"y_{name}.npy", np.arange(n) % 2)
    with pytest.raises(InputError, match="which value is white"):
        run(tmp_path, tmp_path / "out")
    assert len(list((tmp_path / "out/raw").iterdir())) == 5
    assert not list((tmp_path / "out").glob("prepared/*"))
