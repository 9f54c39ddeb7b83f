"""The pictures of the test images that were mended, and of those that broke."""

from collections.abc import Mapping
from pathlib import Path

from stages.arrays.prepared import channels_last, open_prepared_images, read_dataset
from stages.comparison.comparing import Comparison
from stages.comparison.results import Error, read_results
from stages.comparison.revisions import WORKSPACE, Revision
from stages.figures.gallery import draw_gallery, most_confident
from stages.running.process import InputError

IMAGES, DATASET = Path("data/prepared/x_test.npy"), Path("data/prepared/dataset.json")


def draw_galleries(folder: Path, comparison: Comparison) -> list[Path]:
    """Write mended.png and broken.png, those of the two that have an image to show, into a folder.

    Raises:
        InputError: the images of the comparison are not in the working tree.
    """
    if not IMAGES.is_file() or read_results(Revision(WORKSPACE)).test_set != comparison.b.test_set:
        raise InputError(f"{IMAGES}: the images compared are not there; `dvc repro` or `dvc pull` brings them")
    folder.mkdir(parents=True, exist_ok=True)
    titles = {
        "mended": (comparison.mended, f"mended: what A, {comparison.a.revision}, said"),
        "broken": (comparison.broken, f"broken: what B, {comparison.b.revision}, says"),
    }
    written = []
    for name, (errors, title) in titles.items():
        if errors:
            written.append(folder / f"{name}.png")
            _draw(written[-1], title, errors)
    return written


def _draw(path: Path, title: str, errors: Mapping[int, Error]) -> None:
    shown = most_confident([{"index": index, **vars(error)} for index, error in errors.items()])
    images, layout = open_prepared_images(IMAGES), read_dataset(DATASET).image_data_format
    pictures = [channels_last(images[row["index"] : row["index"] + 1], layout)[0] for row in shown]
    some = f" (the {len(shown)} most confident of {len(errors):,})" if len(shown) < len(errors) else ""
    draw_gallery(path, title + some, shown, pictures)
