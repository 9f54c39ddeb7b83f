"""The folders of a source of pictures: which are classes, and which are sets."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from stages.ingest.raw import some
from stages.picture_files.folders import Folder
from stages.running.process import InputError

SET = re.compile("train|test|eval|val", re.IGNORECASE)  # in sets' names: seg_train, Test images, valid, evaluation
# As a separate word, where it can mean nothing else: not in contest, trains or valley.
SET_WORD = re.compile("(?<![A-Za-z])(?i:train(?:ing)?|test(?:ing)?|val(?:id|idation)?)(?![a-z])")


def class_folders_of(folders: Sequence[Folder]) -> dict[Path, list[Path]]:
    """Each folder's direct subfolders that have pictures at any depth."""
    inside: dict[Path, set[Path]] = defaultdict(set)
    for folder in folders:
        if folder.pictures:
            for child, parent in pairwise([folder.path, *folder.path.parents]):
                inside[parent].add(child)
    return defaultdict(list, {parent: sorted(children) for parent, children in inside.items()})


def find_sets(
    source: Path, top: Sequence[Path], class_folders: Mapping[Path, list[Path]]
) -> tuple[dict[str, Path], list[Path]]:
    """Find the folders of class folders: "train" (or the source itself), and perhaps "val" and "test".

    Args:
        top: the folders directly in the source, with or without pictures.

    Returns:
        These folders by set, and the folders of `top` that are in no set.

    Raises:
        InputError: pictures in the sets lack class folders, or the folders can be read in two ways.
    """
    rename = "or classes? Names of sets must contain train, test (or eval) or val, other names must not"
    named: dict[str, list[Path]] = defaultdict(list)
    for folder in top:
        word = SET.search(folder.name)
        named[word[0].lower().replace("eval", "test") if word else ""].append(folder)
    beside = named.pop("", [])
    if not any(class_folders[folder] for folder in named["train"]):
        _refuse_sets(source, class_folders)
        for folder in class_folders[source]:
            if SET_WORD.search(folder.name) and class_folders[folder]:
                raise InputError(f"{folder}: class folders in it, and no train/ beside it: a set, {rename}")
        return {"train": source}, []
    sets = {}
    for name, same in named.items():
        such = [folder for folder in same if folder in class_folders[source]] or same[:1]
        if len(such) > 1:
            raise InputError(f"{source}: {some(folder.name for folder in such)}: several sets of one kind, {rename}")
        beside += [folder for folder in same if folder not in such]
        for folder in such:
            inner = class_folders[folder]
            is_wrapped = [entry.name.lower() for entry in inner] == [folder.name.lower()]
            sets[name] = inner[0] if is_wrapped else folder
    classes = {name: {entry.name for entry in class_folders[folder]} for name, folder in sets.items()}
    names = " and ".join(folder.name for folder in sets.values())
    if "test" not in sets and "val" in sets:
        raise InputError(
            f"{source}: has {names}, but no test: is {sets['val'].name} to test on (rename it to test), or to train "
            f"on (move its pictures to {sets['train'].name})?"
        )
    if "test" not in sets and (others := [folder for folder in beside if folder in class_folders[source]]):
        raise InputError(f"{others[0]}: pictures beside {sets['train']}: neither a training nor a test set, {rename}")
    if any(held and not held & classes["train"] for held in classes.values()):
        raise InputError(f"{source}: {names} have no class in common: sets, {rename}")
    for folder in sets.values():
        _refuse_sets(folder, class_folders)
    return sets, beside


def _refuse_sets(folder: Path, class_folders: Mapping[Path, list[Path]]) -> None:
    """Refuse sets where classes must be: in `folder`, or in one of its class folders.

    Raises:
        InputError: one has folders named train and test, or only such folders.
    """
    for place in (folder, *class_folders[folder]):
        names = [inner.name for inner in class_folders[place]]
        words = {word[0][:3].lower() for word in map(SET_WORD.search, names) if word}
        if names and (all(map(SET_WORD.search, names)) or ("tra" in words and len(words) > 1)):
            raise InputError(
                f"{place}: holds {some(names)}, which are no classes; data.source must name the folder of the sets, "
                "and these hold pictures as train/cat/1.png"
            )
