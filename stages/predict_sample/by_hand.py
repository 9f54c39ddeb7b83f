"""Predicting pictures by hand, or from Python: `predict("photo.png")`."""

import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stages.network import MODEL
from stages.picture_files.picture import find_pictures
from stages.predict_sample.in_words import in_words
from stages.predict_sample.sample import Sample, picture_sample
from stages.running.process import InputError, printable
from stages.running.root import in_project

if TYPE_CHECKING:
    from stages.predict_sample.prediction import Predictor


class Reader(NamedTuple):
    """A model, and how pictures are prepared for it: see `picture_sample`."""

    predictor: "Predictor"
    preprocessing: str

    def read(self, path: Path) -> tuple[Sample, dict[str, Any]]:
        """Read a picture file; returns what was found in it, and what `Predictor.predict` returns, with its note.

        Raises:
            InputError: it cannot be read.
        """
        sample = picture_sample(path, self.predictor.field_shape, self.preprocessing, self.predictor.judge)
        return sample, {**self.predictor.predict(sample), "note": sample.note}


def open_reader(model: Path | None = None) -> Reader:
    """Start TensorFlow as params.yaml says, and load a model: the project's, or another .h5.

    Raises:
        InputError: there is no such model, or it is none for such pictures.
        SystemExit: params.yaml is wrong, which is said on stderr.
    """
    from stages.predict_sample.loading import start

    preprocessing = start().preprocessing

    from stages.predict_sample.prediction import load_predictor

    return Reader(load_predictor(model or in_project(f"models/{MODEL}"), preprocessing), preprocessing)


opened = cache(open_reader)


def predict(picture: str | Path, model: str | Path | None = None) -> dict[str, Any]:
    """Predict a picture file; the first call takes seconds, since it loads the model that later ones use.

    Returns:
        What `python -m stages.predict_sample --json` prints: see `Predictor.predict`.

    Raises:
        InputError, SystemExit: the picture cannot be read, or as `open_reader`.
    """
    _, prediction = opened(Path(model) if model else None).read(Path(picture))
    return {"picture": str(picture), **prediction}


def predict_pictures(reader: Reader, paths: Iterable[Path], as_json: bool) -> bool:
    """Predict picture files and folders, and print a line for each picture; errors go to stderr, a line each.

    Returns:
        Whether all of them could be read.
    """
    files: list[Path | InputError] = []
    for place in paths:
        try:
            files += find_pictures(place)
        except InputError as error:
            files.append(error)
    all_read = True
    for path in files:
        try:
            if isinstance(path, InputError):
                raise path
            _, prediction = reader.read(path)
        except InputError as error:
            all_read = False
            print(f"predict_sample: {error}", file=sys.stderr)
            continue
        if as_json:
            line = json.dumps({"picture": str(path), **prediction})
        else:
            line = printable(f"{path}: {in_words(prediction)}")
        print(line, flush=True)
    return all_read
