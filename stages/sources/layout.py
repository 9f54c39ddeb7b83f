"""Which pictures a folder of class folders holds, and which class and set each is of."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stages.arrays.class_names import is_name, natural_order
from stages.images.decoding import picture_suffixes
from stages.running.process import InputError
from stages.sources.tree import Tree, some

TRAIN, TEST = ("train", "training"), ("test", "testing")  # what the folders of the sets are called, in any case


class Picture(NamedTuple):
    """A file, its class, and whether it is of the test set."""

    path: str
    label: str
    is_test: bool


@dataclass(frozen=True)
class Layout:
    """The pictures of a source, its classes in natural order, whether it has a test folder, and notes on the rest."""

    pictures: list[Picture]
    classes: list[str]
    has_test: bool
    notes: list[str]


def holds_class_folders(source: Path) -> bool:
    """Whether a folder in `source` has a picture at any depth."""
    tree = Tree(source)
    return any(True for folder in tree.entries(source)[0] for _ in _pictures(tree, folder))


def find_pictures(source: Path) -> Layout:
    """Find the pictures in cat/, dog/ ..., or in train/cat/ ... and test/cat/ ..., at any depth below the class.

    A file is a picture by its suffix, as Keras and torchvision have it.

    Raises:
        InputError: a link leads out of the source, a set has no picture, the test has a class that the training lacks,
            or the folders of the sets and of others are mixed.
    """
    tree = Tree(source)
    sets = _sets(tree)
    pictures: list[Picture] = []
    loose: list[str] = []
    others: list[str] = []
    empty: list[Path] = []
    for is_test, folder in enumerate(sets):
        class_folders, files = tree.entries(folder)
        loose += files
        before = len(pictures)
        for class_folder in class_folders:
            label = unicodedata.normalize("NFC", class_folder.name)  # macOS decomposes letters such as ü
            found = [Picture(path, label, bool(is_test)) for path in _pictures(tree, class_folder, others)]
            pictures += found
            if not found:
                empty.append(class_folder)
        tree.refuse_links()
        if len(pictures) == before:
            raise InputError(f"{folder}: no picture in a class folder such as {folder.name}/cat/1.png")
    passed_over: dict[str, Sequence[str | Path]] = {
        "hidden": sorted(tree.hidden),
        "in no class folder": loose,
        "no picture by the suffix": others,
        "a class folder without a picture": empty,
    }
    notes = [f"passed over, {why}: {some(paths)}" for why, paths in passed_over.items() if paths]
    return Layout(pictures, _classes(source, pictures), len(sets) == 2, notes)


def _pictures(tree: Tree, folder: Path, others: list[str] | None = None) -> Iterator[str]:
    """The pictures below `folder`; what else is there is added to `others`."""
    suffixes = picture_suffixes()
    for path in tree.files(folder):
        if Path(path).suffix.lower() in suffixes:
            yield path
        elif others is not None:
            others.append(path)


def _sets(tree: Tree) -> list[Path]:
    """The folders of class folders: train/ and perhaps test/, or the source itself.

    Raises:
        InputError: pictures lie in train/ and test/ without a class folder, or in other folders beside these.
    """
    folders, _ = tree.entries(tree.root)
    train, test = (next((each for each in folders if each.name.lower() in names), None) for names in (TRAIN, TEST))
    if train and tree.entries(train)[0]:
        others = [folder for folder in folders if folder not in (train, test) and any(_pictures(tree, folder))]
        if others:
            raise InputError(
                f"{others[0]}: pictures beside train/; only test/ may be (rename or move it), or class folders alone"
            )
        return [train, test] if test else [train]
    if test and (train or tree.entries(test)[0]):
        lack = f"{train}: has no class folders" if train else f"{tree.root}: has test/, but no train/"
        raise InputError(f"{lack}; must hold pictures as train/cat/1.png")
    return [tree.root]


def _classes(source: Path, pictures: list[Picture]) -> list[str]:
    """The classes in natural order.

    Raises:
        InputError: a name breaks lines, or is no text, or is of the test alone.
    """
    classes = natural_order(picture.label for picture in pictures)
    for name in classes:
        if not is_name(name):
            raise InputError(f"{source}: the class folder {name!r}: must be UTF-8, without line breaks, to be a label")
    check_trained(source, pictures)
    return classes


def check_trained(source: Path, pictures: Sequence[Picture]) -> None:
    """Check that the training has pictures of each class.

    Raises:
        InputError: it has not.
    """
    untrained = {picture.label for picture in pictures} - {each.label for each in pictures if not each.is_test}
    if untrained:
        raise InputError(f"{source}: classes without a training picture: {some(natural_order(untrained))}")
