"""Which pictures a folder of class folders holds, and which class and set each is of."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stages.arrays.class_names import is_name, natural_order
from stages.images.decoding import picture_suffixes
from stages.running.process import InputError
from stages.sources.tree import Tree, some

SET = re.compile("train|test|val", re.IGNORECASE)  # in the names of sets' folders: seg_train, Test images, valid


class Picture(NamedTuple):
    """A file, its class, and whether it is of the test set."""

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


def holds_class_folders(source: Path) -> bool:
    """Whether a folder in `source` has a picture at any depth."""
    tree = Tree(source)
    return any(_has_pictures(tree, folder) for folder in tree.entries(source)[0])


def find_pictures(source: Path) -> Layout:
    """Find the pictures in cat/, dog/ ..., or in train/cat/ ... and test/cat/ ..., at any depth below the class.

    A file is a picture by its suffix, as Keras and torchvision have it. The names of the sets' folders only contain
    train and test, and these may hold one folder of the same name with the class folders, as many downloads do; val/
    beside them is taken for more of the training set.

    Raises:
        InputError: a link leads out of the source, a set has no picture, the test has a class that the training lacks,
            or the folders can be read in two ways.
    """
    tree = Tree(source)
    sets, beside = _sets(tree)
    pictures: list[Picture] = []
    loose: list[str] = []
    others: list[str] = []
    empty: list[Path] = []
    notes: list[str] = []
    for name, folder in sets.items():
        class_folders, files = tree.entries(folder)
        loose += files
        before = len(pictures)
        for class_folder in class_folders:
            label = unicodedata.normalize("NFC", class_folder.name)  # macOS decomposes letters such as ü
            found = [Picture(path, label, name == "test") for path in _pictures(tree, class_folder, others)]
            pictures += found
            if not found:
                empty.append(class_folder)
        tree.refuse_links()
        if len(pictures) == before:
            raise InputError(
                f"{folder}: no picture in a class folder such as {folder.name}/cat/1.png"
                + ("; without it a share of the training pictures is held back" if name == "test" else "")
            )
        if name == "val":
            notes.append(f"{folder}: its {len(pictures) - before:,} pictures join the training rows")
    passed_over: dict[str, Sequence[str | Path]] = {
        "hidden": sorted(tree.hidden),
        "beside the sets": beside,
        "in no class folder": loose,
        "no picture by the suffix": others,
        "a class folder without a picture": empty,
    }
    notes += [f"passed over, {why}: {some(paths)}" for why, paths in passed_over.items() if paths]
    what = "class folders of pictures"
    if "test" in sets:
        what += f" in {sets['train'].relative_to(source)}/ and {sets['test'].relative_to(source)}/"
    return Layout(what, pictures, _classes(source, pictures), "test" in sets, notes)


def _pictures(tree: Tree, folder: Path, others: list[str] | None = None) -> Iterator[str]:
    """The pictures below `folder`; what else is there is added to `others`."""
    suffixes = picture_suffixes()
    for path in tree.files(folder):
        if Path(path).suffix.lower() in suffixes:
            yield path
        elif others is not None:
            others.append(path)


def _sets(tree: Tree) -> tuple[dict[str, Path], list[Path]]:
    """The folder of class folders of each set, "train" and perhaps "val" and "test", or the source itself as "train".

    Returns:
        Beside them, the folders with pictures that are of no set.

    Raises:
        InputError: pictures lie in the sets without class folders, or what is there can be read in two ways.
    """
    folders = [folder for folder in tree.entries(tree.root)[0] if _has_pictures(tree, folder)]
    named: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        word = SET.search(folder.name)
        named[word[0].lower() if word else ""].append(folder)
    beside = named.pop("", [])
    if not any(_class_folders(tree, folder) for folder in named["train"]):
        if named["test"] and not beside:
            lack = f"{named['train'][0]}: has no class folders" if named["train"] else f"{tree.root}: has no train/"
            raise InputError(f"{lack}; must hold pictures as train/cat/1.png")
        return {"train": tree.root}, []
    rename = "or classes? Sets' names must have train, test or val in them, others' must not"
    for same in named.values():
        if len(same) > 1:
            raise InputError(f"{tree.root}: {some(folder.name for folder in same)}: several sets of one kind, {rename}")
    sets = {name: _unwrapped(tree, same[0]) for name, same in named.items() if same}
    train, names = sets["train"], " and ".join(folder[0].name for folder in named.values() if folder)
    if "test" not in sets and "val" in sets:
        raise InputError(
            f"{tree.root}: has {names}, but no test: is {sets['val'].name} to test on (rename it to test), or to train "
            f"on (move its pictures to {train.name})?"
        )
    if "test" not in sets and beside:
        raise InputError(f"{beside[0]}: pictures beside {train}: neither a training nor a test set, {rename}")
    for folder in sets.values():
        if (classes := _class_folders(tree, folder)) and not classes & _class_folders(tree, train):
            raise InputError(f"{tree.root}: {names} have no class in common: sets, {rename}")
    return sets, beside


def _unwrapped(tree: Tree, folder: Path) -> Path:
    """The folder, or what it holds alone, if it has the same name."""
    inner = [entry for entry in tree.entries(folder)[0] if _has_pictures(tree, entry)]
    return inner[0] if [entry.name.lower() for entry in inner] == [folder.name.lower()] else folder


def _class_folders(tree: Tree, folder: Path) -> set[str]:
    """The names of the class folders of a set."""
    return {entry.name for entry in tree.entries(_unwrapped(tree, folder))[0] if _has_pictures(tree, entry)}


def _has_pictures(tree: Tree, folder: Path) -> bool:
    return any(True for _ in _pictures(tree, folder))


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
