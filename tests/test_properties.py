"""Any valid data set becomes what plain numpy makes of it; any broken one gets one line and leaves no output."""

import json
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

from stages.arrays.class_names import natural_order
from stages.ingest.parameters import Data
from stages.ingest.sources import copy_source
from stages.prepare import __main__ as prepare
from stages.prepare.parameters import Prepare
from stages.running.process import InputError
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
    kind = draw(st.sampled_from(["npz", "npy"]))
    rows, cols, channels = draw(st.integers(1, 6)), draw(st.integers(1, 9)), draw(st.integers(1, 4))
    dtype, white = draw(st.sampled_from([("u1", 255), ("<i8", 255), (">u2", 65535), ("<f4", 255), (">f8", 1)]))
    form = draw(st.sampled_from(["numbers", "floats", "column", "one-hot", "names", "bytes"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = {"train": draw(st.integers(2, 8)), "test": draw(st.integers(1, 5))}
    images, labels = {}, {}
    for name, n in sizes.items():
        pixels = rng.integers(0, 256, (n, rows, cols, channels)) / 255 * white
        images[name] = pixels if dtype[1] == "f" or dtype[-2] == "f" else np.floor(pixels)
        images[name].reshape(-1)[0] = white
        labels[name] = rng.integers(0, len(NAMES), n)
    labels["train"][:2] = [0, 1]
    order, channels_first = draw(st.sampled_from("CF")), draw(st.booleans())
    layout = draw(st.sampled_from(["channels_last", "channels_first"])) if cols > 4 else "channels_last"
    axis = channels > 1 or draw(st.booleans())
    return DataSet(images, labels, white, kind, form, dtype, order, channels_first, axis, layout)


def write(data: DataSet, source: Path) -> Path:
    """Store a data set in its kind; returns the source."""
    arrays = {f"x_{name}": data.stored_images(name) for name in data.images}
    arrays |= {f"y_{name}": data.stored_labels(name) for name in data.images}
    if data.kind == "npz":
        np.savez_compressed(source / "data.npz", allow_pickle=False, **arrays)
        return source / "data.npz"
    for name, array in arrays.items():
        np.save(source / f"{name}.npy", array)
    return source


def run(source: Path, folder: Path, **changed: Any) -> None:
    """Ingest and prepare, in this process; the contact sheet has tests of its own."""
    copy_source(source, folder / "raw", section(Data))
    words = ["prepare", *(str(folder / name) for name in ("raw", "prepared", "metrics"))]
    with (
        patch("stages.arrays.npy.CHUNK_BYTES", 1_000),  # a few rows at a time
        patch.object(sys, "argv", words),
        patch("stages.running.params.read_params", lambda: {"prepare": to_builtins(section(Prepare, **changed))}),
        patch("stages.prepare.contact_sheet.draw_contact_sheet"),
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


@given(data_sets())
def test_a_valid_data_set_of_any_form_becomes_what_numpy_makes_of_it(data: DataSet) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "source").mkdir()
        run(write(data, folder / "source"), folder, **params_for(data))
        classes = json.loads((folder / "prepared/test/dataset.json").read_text())["classes"]
        assert classes == data.classes()
        for name in data.images:
            images, labels = (np.load(folder / f"prepared/{name}/{file}.npy") for file in ("images", "labels"))
            expected = data.images[name].astype(data.dtype).astype(np.float32) / np.float32(data.white)
            if data.image_data_format == "channels_first":
                expected = expected.transpose(0, 3, 1, 2)
            called = [NAMES[label] if data.form in ("names", "bytes") else label for label in data.labels[name]]
            numbers = [classes.index(label) for label in called]
            one_hot = np.eye(len(classes), dtype=np.float32)[numbers]
            assert images.shape == expected.shape and labels.shape == one_hot.shape
            assert (images[:] == expected).all() and (labels == one_hot).all()


@given(data_sets(), st.sampled_from(["cut", "emptied", "removed", "garbage", "folder"]), st.floats(0, 0.999))
def test_a_damaged_source_is_one_line_and_leaves_no_output(data: DataSet, how: str, place: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "source").mkdir()
        source = write(data, folder / "source")
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
