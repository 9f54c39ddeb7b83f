"""Class folders of pictures, as Keras' image_dataset_from_directory and torchvision's ImageFolder take them.

Each picture is decoded once, to a temporary file. When all hashes are known, its row goes to the training or the test
set. Rows are in the order of their hashes. So no array depends on file names or their order in the file system, and the
last rows, which training holds out for validation, are not all of one class.
"""

import os
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from stages.arrays.npy import write_array
from stages.ingest.layout import check_trained, read_layout
from stages.ingest.parameters import Data
from stages.ingest.passes import Passes
from stages.ingest.raw import FILE_COLUMNS, held_back, replacing_raw, some, summary
from stages.picture_files.decoding import strict_warnings
from stages.picture_files.folders import walk
from stages.running.outputs import write_csv
from stages.running.process import InputError, printable


def matches(source: Path) -> bool:
    """Whether it has a subfolder with a picture, at any depth."""
    return source.is_dir() and any(folder.pictures and folder.path != source for folder in walk(source))


def copy(source: Path, raw: Path, data: Data) -> list[str]:
    """Decode the pictures of `source` to `raw`: all four arrays or none.

    Images are uint8 (n, rows, cols), or (n, rows, cols, 3) for 3 channels; labels are text, the class folders' names;
    a table maps rows to files.

    Returns:
        The detected kind of source, and notes, a line each.

    Raises:
        InputError: as `read_layout` and `Passes`, or there are too few pictures for a split.
    """
    layout = read_layout(source)
    passes = Passes(source, data)
    letters = max(map(len, layout.classes))
    with strict_warnings():
        pictures, channels, row_bytes = passes.survey(layout.pictures)
        raw.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=raw) as rows:
            pictures, digests, size = passes.decode(pictures, channels, row_bytes, rows)
            check_trained(source, pictures)  # some may have been left out
            labels = [picture.label for picture in pictures]
            if layout.has_test:
                is_test = [picture.is_test for picture in pictures]
            else:
                is_test = held_back(digests, labels, layout.classes, data.test_split)
            if len(set(is_test)) < 2:
                raise InputError(
                    f"{source}: {len(is_test)} pictures, {len(is_test) - sum(is_test)} for the training and "
                    f"{sum(is_test)} for the test; must be at least 1 for each"
                )
            order = sorted(range(len(pictures)), key=lambda row: (digests[row], labels[row]))
            shape = size if channels == 1 else (*size, channels)
            counts = []
            files: list[dict[str, str | int]] = []
            with replacing_raw(raw) as partials:
                for name, side in (("train", False), ("test", True)):
                    numbers = [row for row in order if is_test[row] == side]
                    names = [printable(Path(pictures[row].path).relative_to(source)) for row in numbers]
                    files += [{"set": name, "row": row, "file": file} for row, file in enumerate(names)]
                    blocks = (os.pread(rows.fileno(), row_bytes, number * row_bytes) for number in numbers)
                    write_array(partials[f"x_{name}"], "|u1", (len(numbers), *shape), blocks)
                    of_rows = np.array([labels[row] for row in numbers], f"<U{letters}")
                    write_array(partials[f"y_{name}"], of_rows.dtype.str, of_rows.shape, [of_rows.tobytes()])
                    counts.append(len(numbers))
                write_csv(partials["files"], FILE_COLUMNS, files)
    line = summary(layout.what, *((count, *shape) for count in counts))
    of_class = Counter(labels)
    classes = some(f"{name} ({of_class[name]:,})" for name in layout.classes if of_class[name])
    return [f"{line} in {len(of_class):,} classes: {classes}", *layout.notes, *passes.notes()]
