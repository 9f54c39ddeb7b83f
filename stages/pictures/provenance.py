"""Whether a model and the names of its classes are of one run."""

import hashlib
from pathlib import Path

from stages.running.params import load
from stages.running.process import InputError
from stages.running.root import in_project

LOCK = Path("dvc.lock")


def check_same_run(model: str, dataset: str) -> None:
    """Refuse a model beside the names of other data, as `dvc repro prepare` alone leaves them.

    A run is known by a stage that took both files. Without a record of one, nothing is known, and nothing refused.

    Args:
        model, dataset: paths as in dvc.yaml.

    Raises:
        InputError: dvc.lock records the model with another data set, and with this one nowhere.
    """
    try:
        stages = load(in_project(LOCK))["stages"].values()
        records = [{entry["path"]: entry.get("md5") for entry in stage.get("deps", [])} for stage in stages]
        of_model, of_dataset = (hashlib.md5(in_project(path).read_bytes()).hexdigest() for path in (model, dataset))
    except (OSError, InputError, AttributeError, KeyError, TypeError):
        return
    taken_with = {record.get(dataset) for record in records if record.get(model) == of_model} - {None}
    if taken_with and of_dataset not in taken_with:
        raise InputError(
            f"{in_project(dataset)}: of other data than {in_project(model)} was trained on; `dvc repro` trains it anew"
        )
