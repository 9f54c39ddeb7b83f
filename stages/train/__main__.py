"""Stage 3, train: fit the CNN to the prepared training set.

With TF_CONFIG, several processes share the work, with the same bytes; the first of them writes.
"""

import argparse
import os
import sys
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stages.network import CONFIDENCE, MODEL
from stages.running import process
from stages.running.process import InputError

if TYPE_CHECKING:
    from stages.cluster.cluster import Cluster
    from stages.network.parameters import Model
    from stages.train.parameters import Train


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Fit the CNN to the prepared training set.")
    parser.add_argument("data", type=Path, help="folder with the prepared training set")
    parser.add_argument("models", type=Path, help="folder to write cnn.h5 and confidence.json to")
    parser.add_argument("metrics", type=Path, help="folder to write train.json to, and history.csv after each epoch")
    parser.add_argument("--resume", type=Path, default=Path(".resume"), help="folder for the state of unfinished runs")
    parser.add_argument("--patience", type=float, default=600, help="seconds to wait for the others of TF_CONFIG")
    args = parser.parse_args()

    from msgspec import convert, json

    from stages.cluster.cluster import cluster_from_environment
    from stages.network.parameters import Model, TensorFlow
    from stages.network.runtime import start_tensorflow, within_memory
    from stages.running.outputs import check_writable
    from stages.running.params import read_params
    from stages.train.parameters import Train

    params = read_params()
    train, model = convert(params["train"], Train), convert(params["model"], Model)
    tensorflow = convert(params["tensorflow"], TensorFlow)
    cluster = cluster_from_environment(train.shards, args.patience)
    if cluster.leads:
        backup = args.resume / "state.npz"  # a stand-in: its name follows from data and code
        check_writable(*outputs(args.models, args.metrics), backup)
    join = cluster.join if cluster.size > 1 else None
    with cluster.watched():
        start_tensorflow(tensorflow.instruction_set, tensorflow.device, join)
        with within_memory("model.filters, model.kernel_size, model.dense_units or train.batch_size"):
            fit(args, train, model, json.encode([train, model, tensorflow]), cluster)


class Outputs(NamedTuple):
    """The files that the stage writes."""

    model: Path
    confidence: Path
    metrics: Path
    history: Path


def outputs(models: Path, metrics: Path) -> Outputs:
    """These files in the folders of models and of metrics."""
    return Outputs(models / MODEL, models / CONFIDENCE, metrics / "train.json", metrics / "history.csv")


def fit(args: argparse.Namespace, train: "Train", model: "Model", params: bytes, cluster: "Cluster") -> None:
    """Train as `train` and `model` say, and write what `args` name; in a cluster, only its first process writes.

    Args:
        params: all parameters of the result, for the key of the backup.
    """
    import keras
    from msgspec import json

    from stages.arrays.npy import IMAGES, LABELS, Rows, open_array
    from stages.arrays.prepared import DATASET
    from stages.network.architecture import build_network
    from stages.network.model_file import save_network
    from stages.running.outputs import DECIMALS, replacing, replacing_all, write_csv, write_json
    from stages.train.confidence import measure_confidence
    from stages.train.loop import Training
    from stages.train.resume import Backup, digests, fingerprint
    from stages.train.rows import steps_warning, validation_warning

    data = [args.data / file for file in (IMAGES, LABELS, DATASET)]
    images, labels = Rows(data[0]), open_array(data[1])
    are_glyphs, extra = itemgetter("centred_glyphs", "extra")(json.decode(data[2].read_bytes()))
    if train.outliers and not are_glyphs:
        raise InputError(
            f"params.yaml: train.outliers = {train.outliers:g}: is for light glyphs in the centre of a dark "
            "field, which these images are not; must be 0"
        )
    keras.utils.set_random_seed(train.seed)
    network = build_network(images.shape[1:], labels.shape[1], model)
    if cluster.leads:
        network.summary()
    training = Training(network, images, labels, train, cluster, extra)
    warnings = validation_warning(labels, training.validation_rows), steps_warning(len(training.training_rows), train)
    for warning in warnings:
        if warning and cluster.leads:
            print(f"warning: {warning}", file=sys.stderr)
    alike = digests(params, data)
    cluster.agree(alike)
    backup = Backup(args.resume, fingerprint(repr(alike).encode(), [])) if cluster.leads else None
    files = outputs(args.models, args.metrics)
    for history in training.run(backup):
        if cluster.leads:
            with replacing(files.history) as partial:
                write_csv(partial, list(history[0]), history)
    if cluster.leads:
        kept = training.kept(history)
        val_metrics = {name: round(kept[name], DECIMALS) for name in ("val_accuracy", "val_loss")}
        sureness = measure_confidence(training.forward, images, labels, training.validation_rows, are_glyphs)
        with replacing_all(files.model, files.confidence, files.metrics) as (model_file, confidence, metrics):
            save_network(network, model_file, train.learning_rate)
            write_json(confidence, sureness)
            write_json(metrics, val_metrics | {"val_n": len(training.validation_rows), "epochs": kept["epoch"]})
    cluster.finish()
    if backup:
        backup.remove()  # last: if another process is lost just now, only the writing must be repeated


if __name__ == "__main__":
    in_cluster = "TF_CONFIG" in os.environ  # main removes it
    status = process.run(main)
    if in_cluster:
        sys.exit(status)  # in its time: another process may still fetch its last result
    process.leave(status)
