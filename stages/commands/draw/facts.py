"""What the page says of the model: its file, its size, and what the pipeline knows of it."""

import json
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

from stages.commands.comparison.results import METRICS, read_lock, recorded_outputs
from stages.commands.comparison.revisions import WORKSPACE, Revision
from stages.network import MODEL
from stages.predict_sample.by_hand import Reader
from stages.running.outputs import md5
from stages.running.params import flatten
from stages.running.process import InputError
from stages.running.root import in_project


def model_facts(model: Path, reader: Reader) -> list[str]:
    """Say what is known, a few words each.

    Accuracy and outliers are known of the model that dvc.lock records, alone.
    """
    facts = [str(model), f"{reader.predictor.parameters:,} parameters"]
    digest = md5(model)
    try:
        with chdir(in_project(".")):
            facts += _recorded(digest)
    except (InputError, ValueError, KeyError, TypeError):  # a conflict of git's, say: it stops the pipeline, not this
        facts.append("its accuracy cannot be read")
    if (rate := reader.predictor.judge.false_positive_rate) < 1:
        facts.append(f"takes {100 * rate:.0f} % of scribbles for a digit")
    return facts


def _recorded(digest: str) -> Iterator[str]:
    here = Revision(WORKSPACE)
    if recorded_outputs(here).get(f"models/{MODEL}") != digest or not (content := here.read(METRICS)):
        return
    tested = json.loads(content)
    interval = f"{tested['accuracy_low']:.4f} to {tested['accuracy_high']:.4f}"
    yield f"accuracy {tested['accuracy']:.4f} ({interval}) on {tested['n']:,} test images"
    share = flatten(read_lock(here)["train"]["params"]["params.yaml"])["train.outliers"]
    yield f"trained with {100 * share:.0f} % outliers" if share else "trained without outliers"
