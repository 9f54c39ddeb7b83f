"""What ingest writes: images and labels of two sets, and a table of files."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from stages.arrays.npy import IMAGES, LABELS
from stages.running.outputs import replacing_all, write_csv
from stages.running.process import InputError

FILES = {  # of the four arrays, by their names in Keras' data sets
    "x_train": f"train/{IMAGES}",
    "y_train": f"train/{LABELS}",
    "x_test": f"test/{IMAGES}",
    "y_test": f"test/{LABELS}",
}
FILE_COLUMNS = ("set", "row", "file")
SHOWN = 3  # names in a line: enough to recognise them by


def check_arrays(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Check that four arrays, in the order of FILES, fit together; the keys are their names in messages.

    Raises:
        InputError: images and labels differ in number, or the images of the sets in size.
    """
    (x_train, y_train), (x_test, y_test) = list(arrays)[:2], list(arrays)[2:]
    for x, y in ((x_train, y_train), (x_test, y_test)):
        images, labels = (array.shape[0] if array.shape else 0 for array in (arrays[x], arrays[y]))
        if images != labels or images == 0:
            raise InputError(f"{x}: {images} images, but {y} has {labels} labels; must be equal, and above 0")
    train, test = ((*arrays[x].shape[1:], 1)[:3] for x in (x_train, x_test))
    if train != test:
        raise InputError(f"{x_test}: images of {test}, but {x_train} has {train}; must be equal")


@contextmanager
def replacing_raw(raw: Path) -> Iterator[dict[str, Path]]:
    """Yield a temporary path for each of the four by its name; they become FILES when the block succeeds.

    A fifth path, "files", is a table of FILE_COLUMNS that maps rows to files. It has only a header; sources with one
    file per row overwrite it.
    """
    with replacing_all(*(raw / file for file in FILES.values()), raw / "files.csv") as partials:
        write_csv(partials[-1], FILE_COLUMNS, [])
        yield dict(zip((*FILES, "files"), partials, strict=True))


def held_back(digests: Sequence[bytes], labels: Sequence[str], classes: Sequence[str], share: float) -> list[bool]:
    """Tell for each image whether it is in the test set: of every class, the `share` with the lowest hashes.

    Equal images go to the same set; images in two classes go to the training set. So a class may get a little less
    than its share. Each class keeps at least one training image.

    Args:
        digests: hashes of the images' pixels. labels: their classes. classes: all of them, in order.
    """
    of_class: dict[str, Counter[bytes]] = defaultdict(Counter)
    for digest, label in zip(digests, labels, strict=True):
        of_class[label][digest] += 1
    held_by = Counter(digest for copies in of_class.values() for digest in copies)
    sides = {digest: False for digest, classes_with_it in held_by.items() if classes_with_it > 1}
    for name in classes:
        copies = of_class[name]
        total = copies.total()
        wanted = min(max(1, round(share * total)), total - 1)
        for digest in sorted(copies.keys() - sides.keys()):
            sides[digest] = copies[digest] <= wanted
            wanted -= copies[digest] * sides[digest]
    return [sides[digest] for digest in digests]


def summary(what: str, train: Sequence[int], test: Sequence[int]) -> str:
    """The kind of a source, and the shapes of its images: `IDX files: 60,000 training and ... of 28x28`."""
    size = "x".join(map(str, train[1:])) or "no size"
    return f"{what}: {train[0]:,} training and {test[0]:,} test images of {size}"


def some(paths: Iterable[str | Path]) -> str:
    """The first few of `paths`, and how many more there are."""
    names = [str(path) for path in paths]
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
