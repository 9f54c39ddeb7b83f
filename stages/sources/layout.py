"""Which pictures a folder of class folders holds, and which class and set each is of."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from stages.arrays.class_names import is_name, natural_order
from stages.images.decoding import picture_suffixes
from stages.running.process import InputError
from stages.sources.raw import some

SET = re.compile("train|test|eval|val", re.IGNORECASE)  # in sets' names: seg_train, Test images, valid, evaluation
# As a word of its own, where it can mean nothing else: not in contest, trains or valley.
SET_WORD = re.compile("(?<![A-Za-z])(?i:train(?:ing)?|test(?:ing)?|val(?:id|idation)?)(?![a-z])")


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


class Folder(NamedTuple):
    """The files right in a folder, sorted by name: pictures by their suffix, other files, and what is hidden."""

    path: Path
    pictures: list[str]
    others: list[str]
    hidden: list[str]


def walk(source: Path) -> Iterator[Folder]:
    """The folder `source` and all visible ones below it, links followed; sorted, since no file system's order is.

    Raises:
        InputError: a link leads to a folder that it lies in, and so round in circles.
        OSError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    suffixes = picture_suffixes()
    for name, folders, files in os.walk(source, followlinks=True, onerror=refuse):
        folder = Path(name)
        hidden = sorted(entry for entry in (*folders, *files) if entry.startswith("."))
        folders[:] = sorted(set(folders).difference(hidden))
        for link in filter(Path.is_symlink, map(folder.joinpath, folders)):
            if any(above.resolve().is_relative_to(link.resolve()) for above in link.parents):
                raise InputError(f"{link}: a link to a folder that it lies in, {link.resolve()}; must be removed")
        visible = [folder / file for file in sorted(set(files).difference(hidden))]
        pictures = [str(file) for file in visible if file.suffix.lower() in suffixes]
        others = [str(file) for file in visible if file.suffix.lower() not in suffixes]
        yield Folder(folder, pictures, others, [str(folder / entry) for entry in hidden])


def holds_class_folders(source: Path) -> bool:
    """Whether a folder in `source` has a picture at any depth. Raises as `walk`."""
    return any(folder.pictures and folder.path != source for folder in walk(source))


def find_pictures(source: Path) -> Layout:
    """Find the pictures in cat/, dog/ ..., or in train/cat/ ... and test/cat/ ..., at any depth below the class.

    A file is a picture by its suffix, as Keras and torchvision have it. The names of the sets' folders only contain
    train and test, and these may hold one folder of the same name with the class folders, as many downloads do; val/
    beside them is taken for more of the training set.

    Raises:
        InputError: as `walk`, or a set has no picture, the test has a class that the training lacks, or the folders can
            be read in two ways.
    """
    folders = list(walk(source))
    class_folders = _class_folders(folders)
    sets, beside = _sets(source, class_folders)
    if sets["train"] != source:
        beside += sorted({folder.path for folder in folders if folder.path.parent == source} - {*class_folders[source]})
    pictures: list[Picture] = []
    notes: list[str] = []
    loose: list[str] = []
    others: list[str] = []
    empty: list[Path] = []
    for name, set_folder in sets.items():
        before = len(pictures)
        classes = class_folders[set_folder]
        for folder in folders:
            if folder.path == set_folder.parent != source:
                loose += sorted(folder.pictures + folder.others)
            if not folder.path.is_relative_to(set_folder):
                continue
            place = folder.path.relative_to(set_folder).parts
            if not place:
                loose += sorted(folder.pictures + folder.others)
                continue
            label = unicodedata.normalize("NFC", place[0])  # macOS decomposes letters such as ü
            pictures += [Picture(path, label, name == "test") for path in folder.pictures]
            others += folder.others
            if len(place) == 1 and folder.path not in classes:
                empty.append(folder.path)
        if len(pictures) == before:
            raise InputError(
                f"{set_folder}: no picture in a class folder such as {set_folder.name}/cat/1.png"
                + ("; without this folder a share of the training pictures is held back" if name == "test" else "")
            )
        if name == "val":
            notes.append(f"{set_folder}: its {len(pictures) - before:,} pictures join the training rows")
    passed_over: dict[str, Sequence[str | Path]] = {
        "hidden": [path for folder in folders for path in folder.hidden],
        "beside the sets": beside,
        "in no class folder": loose,
        "no picture by the suffix": others,
        "a class folder without a picture": empty,
    }
    notes += [f"passed over, {why}: {some(paths)}" for why, paths in passed_over.items() if paths]
    if links := [folder.path for folder in folders if folder.path != source and folder.path.is_symlink()]:
        notes.append(f"links to folders, in which DVC sees no change (`dvc repro --force ingest` reads): {some(links)}")
    what = "class folders of pictures"
    if sets["train"] != source:
        what += " in " + " and ".join(
            f"{sets[name].relative_to(source)}/" for name in ("train", "test") if name in sets
        )
    return Layout(what, pictures, _classes(source, pictures), "test" in sets, notes)


def _class_folders(folders: Sequence[Folder]) -> dict[Path, list[Path]]:
    """Of each folder, those right in it that have pictures at any depth."""
    inside: dict[Path, set[Path]] = defaultdict(set)
    for folder in folders:
        if folder.pictures:
            for child, parent in pairwise([folder.path, *folder.path.parents]):
                inside[parent].add(child)
    return defaultdict(list, {parent: sorted(children) for parent, children in inside.items()})


def _sets(source: Path, class_folders: dict[Path, list[Path]]) -> tuple[dict[str, Path], list[Path]]:
    """The folder of class folders of each set, "train" and perhaps "val" and "test", or the source itself as "train".

    Returns:
        Beside them, the folders with pictures that are of no set.

    Raises:
        InputError: pictures lie in the sets without class folders, or what is there can be read in two ways.
    """
    named: dict[str, list[Path]] = defaultdict(list)
    for folder in class_folders[source]:
        word = SET.search(folder.name)
        named[word[0].lower().replace("eval", "test") if word else ""].append(folder)
    beside = named.pop("", [])
    if not any(class_folders[folder] for folder in named["train"]):
        _refuse_sets(source, class_folders)
        return {"train": source}, []
    rename = "or classes? Sets' names must have train, test or val in them, others' must not"
    for same in named.values():
        if len(same) > 1:
            raise InputError(f"{source}: {some(folder.name for folder in same)}: several sets of one kind, {rename}")
    sets, classes = {}, {}
    for name, same in named.items():
        if same:
            inner = class_folders[same[0]]
            is_wrapped = [folder.name.lower() for folder in inner] == [same[0].name.lower()]
            sets[name] = inner[0] if is_wrapped else same[0]
            classes[name] = {folder.name for folder in class_folders[sets[name]]}
    names = " and ".join(same[0].name for same in named.values() if same)
    if "test" not in sets and "val" in sets:
        raise InputError(
            f"{source}: has {names}, but no test: is {sets['val'].name} to test on (rename it to test), or to train "
            f"on (move its pictures to {sets['train'].name})?"
        )
    if "test" not in sets and beside:
        raise InputError(f"{beside[0]}: pictures beside {sets['train']}: neither a training nor a test set, {rename}")
    if any(held and not held & classes["train"] for held in classes.values()):
        raise InputError(f"{source}: {names} have no class in common: sets, {rename}")
    for folder in sets.values():
        _refuse_sets(folder, class_folders)
    return sets, beside


def _refuse_sets(folder: Path, class_folders: dict[Path, list[Path]]) -> None:
    """Refuse sets where classes must be: in `folder`, or in one of its class folders.

    Raises:
        InputError: one of them has folders called train and test, or such alone.
    """
    for place in (folder, *class_folders[folder]):
        names = [inner.name for inner in class_folders[place]]
        words = {word[0][:3].lower() for word in map(SET_WORD.search, names) if word}
        if names and (all(map(SET_WORD.search, names)) or ("tra" in words and len(words) > 1)):
            raise InputError(
                f"{place}: holds {some(names)}, which are no classes; data.source must name the folder of the sets, "
                "and these hold pictures as train/cat/1.png"
            )


def _classes(source: Path, pictures: Sequence[Picture]) -> list[str]:
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
    trained = {picture.label for picture in pictures if not picture.is_test}
    if untrained := {picture.label for picture in pictures} - trained:
        raise InputError(f"{source}: classes without a training picture: {some(natural_order(untrained))}")
