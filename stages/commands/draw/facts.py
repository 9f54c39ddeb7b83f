"""What the page says of the model: its file, its size, and what the pipeline knows of it."""

import json
from pathlib import Path

from stages.commands.comparison.results import METRICS, read_lock, recorded_outputs
from stages.commands.comparison.revisions import WORKSPACE, Revision
from stages.network import MODEL
from stages.predict_sample.by_hand import Reader
from stages.running.outputs import md5
from stages.running.params import flatten


def model_facts(model: Path, reader: Reader) -> list[str]:
    """Say what is known, a few words each.

    Accuracy and outliers are known of the model that dvc.lock records; of another one, its card alone.
    """
    facts = [str(model), f"{reader.predictor.parameters:,} parameters"]
    here = Revision(WORKSPACE)
    if recorded_outputs(here).get(f"models/{MODEL}") == md5(model) and (content := here.read(METRICS)):
        tested = json.loads(content)
        interval = f"{tested['accuracy_low']:.4f} to {tested['accuracy_high']:.4f}"
        facts.append(f"accuracy {tested['accuracy']:.4f} ({interval}) on {tested['n']:,} test images")
        share = flatten(read_lock(here)["train"]["params"]["params.yaml"]).get("train.outliers", 0)
        facts.append(f"trained with {100 * share:.0f} % outliers" if share else "trained without outliers")
    if (rate := reader.predictor.judge.false_positive_rate) < 1:
        facts.append(f"takes {100 * rate:.0f} % of made-up marks for a digit")
    return facts
