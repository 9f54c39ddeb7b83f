"""The pictures in a folder of class folders, and the class and the set of each."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stages.arrays.class_names import is_name, natural_order
from stages.ingest.folders import class_folders_of, find_sets
from stages.ingest.raw import some
from stages.picture_files.folders import walk
from stages.running.process import InputError


class Picture(NamedTuple):
    """A file, its class, and whether it is in the test set."""

    path: str
    label: str
    is_test: bool


@dataclass(frozen=True)
class Layout:
    """The pictures of a source, its classes in natural order, whether it has a test folder, and notes on the rest.

    what: the layout in words.
    """

    what: str
    pictures: list[Picture]
    classes: list[str]
    has_test: bool
    notes: list[str]


def read_layout(source: Path) -> Layout:
    """Find the pictures in cat/, dog/ ..., or in train/cat/ ... and test/cat/ ..., at any depth below the class.

    The suffix decides whether a file is a picture, as in Keras and torchvision. The names of set folders need only
    contain train and test. As in many downloads, a set folder may hold one folder of the same name with the class
    folders. Pictures in val/ are added to the training set.

    Raises:
        InputError: a set has no picture, a test class has no training picture, or the folders can be read in two ways.
    """
    folders = list(walk(source))
    class_folders = class_folders_of(folders)
    top = [folder.path for folder in folders if folder.path.parent == source]
    sets, beside = find_sets(source, top, class_folders)
    pictures: list[Picture] = []
    notes: list[str] = []
    empty: list[Path] = []
    for name, set_folder in sets.items():
        before, classes = len(pictures), set(class_folders[set_folder])
        for folder in folders:
            if set_folder not in folder.path.parents:
                continue
            place = folder.path.relative_to(set_folder).parts
            label = unicodedata.normalize("NFC", place[0])  # macOS decomposes letters such as ü
            pictures += [Picture(path, label, name == "test") for path in folder.pictures]
            if len(place) == 1 and folder.path not in classes:
                empty.append(folder.path)
        if len(pictures) == before:
            raise InputError(
                f"{set_folder}: no picture in a class folder such as {set_folder.name}/cat/1.png"
                + ("; without this folder a share of the training pictures is held back" if name == "test" else "")
            )
        if name == "val":
            notes.append(f"{set_folder}: its {len(pictures) - before:,} pictures join the training rows")
    taken = {picture.path for picture in pictures}
    looked_at = [folder for folder in folders if not any(folder.path.is_relative_to(path) for path in beside)]
    left = [path for folder in looked_at for path in sorted(folder.pictures + folder.others) if path not in taken]
    passed_over: dict[str, Sequence[str | Path]] = {
        "beside the sets": beside,
        "no picture in a class folder": left,
        "a class folder without a picture": empty,
    }
    notes += [f"passed over, {why}: {some(paths)}" for why, paths in passed_over.items() if paths]
    what = "class folders of pictures"
    if sets["train"] != source:
        what += " in " + " and ".join(
            f"{sets[name].relative_to(source)}/" for name in ("train", "test") if name in sets
        )
    return Layout(what, pictures, _classes(source, pictures), "test" in sets, notes)


def _classes(source: Path, pictures: Sequence[Picture]) -> list[str]:
    """The classes in natural order.

    Raises:
        InputError: a name has line breaks, is no text, or is only in the test.
    """
    classes = natural_order(picture.label for picture in pictures)
    for name in classes:
        if not is_name(name):
            raise InputError(f"{source}: the class folder {name!r}: must be UTF-8, without line breaks, to be a label")
    check_trained(source, pictures)
    return classes


def check_trained(source: Path, pictures: Sequence[Picture]) -> None:
    """Check that each class has a training picture.

    Raises:
        InputError: one has none.
    """
    trained = {picture.label for picture in pictures if not picture.is_test}
    if untrained := {picture.label for picture in pictures} - trained:
        raise InputError(f"{source}: classes without a training picture: {some(natural_order(untrained))}")
