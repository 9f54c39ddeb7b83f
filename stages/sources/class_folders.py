"""Class folders of pictures, as Keras' image_dataset_from_directory and torchvision's ImageFolder take them.

Each picture is decoded once, to a temporary file from which its row goes to the training or the test set when all
hashes are known. Rows are in the order of their hashes. So no array depends on the names of files or their order in
the file system, and the last rows, which the training holds back for validation, are not all of one class.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from stages.images.decoding import strict_warnings
from stages.running.outputs import replacing, write_csv
from stages.running.process import InputError, printable
from stages.sources.layout import check_trained, find_pictures
from stages.sources.options import Options
from stages.sources.passes import Passes
from stages.sources.raw import FILE_COLUMNS, check_space, replacing_raw, summary, write_header
from stages.sources.splitting import held_back
from stages.sources.tree import some

LETTER_BYTES = 4  # of numpy's text


def copy_class_folders(source: Path, raw: Path, options: Options) -> list[str]:
    """Decode the pictures of `source` to `raw`: all four arrays or none.

    Images are uint8 (n, rows, cols), or (n, rows, cols, 3) for 3 channels; labels are text, the class folders' names;
    a table tells which file a row comes from.

    Returns:
        What it was taken for, and notes, a line each.

    Raises:
        InputError: as `find_pictures` and `Passes`, or an option has no effect, or the disk is full, or the
            pictures are too few to hold some back.
    """
    layout = find_pictures(source)
    split = [] if layout.has_test else ["test_split"]
    options.check_effect(f"{source}, {layout.what}", "image_size", "channels", "unreadable_pictures", *split)
    passes = Passes(source, options)
    letters = max(map(len, layout.classes))
    with strict_warnings():
        pictures, channels, row_bytes = passes.survey(layout.pictures)
        check_space(raw, len(pictures) * (2 * row_bytes + LETTER_BYTES * letters))  # the temporary file has them, too
        with tempfile.TemporaryFile(dir=raw) as rows:
            pictures, digests, size = passes.decode(pictures, channels, row_bytes, rows)
            check_trained(source, pictures)  # some may have been left out
            labels = [picture.label for picture in pictures]
            if layout.has_test:
                is_test = [picture.is_test for picture in pictures]
            else:
                is_test = held_back(digests, labels, layout.classes, options.test_split)
            if len(set(is_test)) < 2:
                raise InputError(
                    f"{source}: {len(is_test)} pictures, of which {len(is_test) - sum(is_test)} for the training and "
                    f"{sum(is_test)} for the test; must be some for each"
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
                    _write_rows(partials[f"x_{name}"], (len(numbers), *shape), rows, numbers)
                    with replacing(partials[f"y_{name}"]) as partial:
                        np.save(partial, np.array([labels[row] for row in numbers], f"<U{letters}"))
                    counts.append(len(numbers))
                write_csv(partials["files"], FILE_COLUMNS, files)
    line = summary(layout.what, *((count, *shape) for count in counts))
    of_class = Counter(labels)
    classes = some(f"{name} ({of_class[name]:,})" for name in layout.classes if of_class[name])
    return [f"{line} in {len(of_class):,} classes: {classes}", *layout.notes, *passes.notes()]


def _write_rows(path: Path, shape: Sequence[int], rows: IO[bytes], numbers: Sequence[int]) -> None:
    """Write an .npy file of the rows of these numbers."""
    row_bytes = int(np.prod(shape[1:]))
    with replacing(path) as partial, partial.open("wb") as output:
        write_header(output, shape)
        for number in numbers:
            output.write(os.pread(rows.fileno(), row_bytes, number * row_bytes))
