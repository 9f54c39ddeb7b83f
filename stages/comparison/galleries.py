"""The pictures of the test images that were mended, and of those that broke."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from stages.arrays.prepared import channels_last, open_prepared_images, read_dataset
from stages.comparison.comparing import Comparison
from stages.comparison.results import recorded_outputs
from stages.drawing.canvas import shorten
from stages.figures.gallery import draw_gallery, most_confident
from stages.figures.tables import Row
from stages.running.outputs import replacing_all
from stages.running.process import InputError

LONGEST_NAME = 40  # characters of a revision
IMAGES, DATASET = Path("data/prepared/x_test.npy"), Path("data/prepared/dataset.json")


def draw_galleries(folder: Path, comparison: Comparison) -> list[Path]:
    """Write mended.png and broken.png into a folder.

    Raises:
        InputError: the images of the comparison are not in the working tree.
    """
    recorded = recorded_outputs(comparison.b.revision)
    for path in (IMAGES, DATASET):
        if not path.is_file() or md5(path) != recorded.get(str(path)):
            raise InputError(f"{path}: not that of {comparison.b.revision}; `dvc checkout` or `dvc repro` brings it")
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "mended.png", folder / "broken.png"]
    a, b = (shorten(each.revision, LONGEST_NAME) for each in (comparison.a, comparison.b))
    with replacing_all(*written) as (mended, broken):
        _draw(mended, f"{len(comparison.mended):,} mended: what A, {a}, said", comparison.mended)
        _draw(broken, f"{len(comparison.broken):,} broken: what B, {b}, says", comparison.broken)
    return written


def md5(path: Path) -> str:
    """As DVC takes it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _draw(path: Path, title: str, errors: Mapping[int, Row]) -> None:
    shown = most_confident(list(errors.values()))
    images, layout = open_prepared_images(IMAGES), read_dataset(DATASET).image_data_format
    pictures = [channels_last(images[row["index"] : row["index"] + 1], layout)[0] for row in shown]
    some = f" (the {len(shown)} most confident)" if len(shown) < len(errors) else ""
    draw_gallery(path, title + some, shown, pictures)
