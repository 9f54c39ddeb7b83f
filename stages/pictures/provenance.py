"""Whether a model was trained on the data that the names of its classes are of."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from stages.running.params import load
from stages.running.process import InputError
from stages.running.root import in_project

LOCK = Path("dvc.lock")


def check_same_data(model: str, dataset: str) -> None:
    """Refuse a model beside what was prepared of other data since, as `dvc repro prepare` alone leaves them.

    Files that dvc.lock does not record are of unknown data, and not refused.

    Args:
        model, dataset: paths as in dvc.yaml.

    Raises:
        InputError: dvc.lock records that the model was trained on other files than those beside the data set.
    """
    try:
        stages = load(in_project(LOCK))["stages"]
        prepared, trained = _digests(stages["prepare"]["outs"]), _digests(stages["train"]["outs"])
        recorded = {dataset: prepared[dataset], model: trained[model]}
        known = all(hashlib.md5(in_project(path).read_bytes()).hexdigest() == recorded[path] for path in recorded)
        taken = _digests(stages["train"]["deps"])
        others = known and any(taken[path] != prepared[path] for path in taken.keys() & prepared.keys())
    except (OSError, InputError, AttributeError, KeyError, TypeError):
        return
    if others:
        raise InputError(
            f"{in_project(dataset)}: of other data than {in_project(model)} was trained on; `dvc repro` trains it anew"
        )


def _digests(entries: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The MD5 of each path, of a stage in dvc.lock."""
    return {entry["path"]: entry["md5"] for entry in entries}
