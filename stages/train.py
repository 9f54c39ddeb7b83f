"""Stage 3, train: fit the CNN to the prepared training set.

    python -m stages.train --images data/prepared/x_train.npy --labels data/prepared/y_train.npy \\
        --model models/cnn.h5 --confidence models/confidence.json --metrics metrics/train.json \\
        --history metrics/history.csv

With TF_CONFIG, several processes share the work, to the same bytes; the first of them writes.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.network.runtime import start_tensorflow, within_memory
from stages.running import process
from stages.running.outputs import DECIMALS, check_writable, replacing_all, write_csv, write_json
from stages.running.params import Params, between, choice, fraction, list_of, number, optional, read_params, whole
from stages.training.cluster import PATIENCE, Cluster, cluster_from_environment

PARAMS = {
    "model.filters": list_of(whole(1, 4096)),
    "model.kernel_size": whole(1, 100),
    "model.pool_size": whole(1, 100),
    "model.conv_dropout": fraction(),
    "model.dense_units": whole(1, 65_536),
    "model.dense_dropout": fraction(),
    "train.seed": whole(0, 2**32 - 1),
    "train.epochs": whole(1, 10_000),
    "train.batch_size": whole(1, 65_536),
    "train.learning_rate": between(0, 10),
    "train.validation_split": between(0, 1),
    "train.validation_rows": choice("last", "stratified"),
    "train.shards": whole(1, 1024),
    "train.schedule": choice("constant", "cosine"),
    "train.early_stopping": optional(whole(1, 10_000)),
    "train.augmentation.rotation": number(0, 180),
    "train.augmentation.shear": number(0, 1),
    "train.augmentation.zoom": fraction(),
    "train.augmentation.shift": number(0, 4096),
}


def contradictions(params: Mapping[str, Any]) -> list[str]:
    """Say which parameters, each of them allowed, do not go together."""
    shards, batch_size = params["train.shards"], params["train.batch_size"]
    return [f"train.shards = {shards}: must be at most train.batch_size = {batch_size}"] if shards > batch_size else []


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Fit the CNN to the prepared training set.")
    parser.add_argument("--images", type=Path, required=True, help=".npy, float32 (n, rows, cols, 1) or channels first")
    parser.add_argument("--labels", type=Path, required=True, help=".npy, one-hot float32 (n, classes)")
    parser.add_argument("--model", type=Path, required=True, help=".h5 to write")
    parser.add_argument("--confidence", type=Path, required=True, help=".json to write, when its answers are unsure")
    parser.add_argument("--metrics", type=Path, required=True, help=".json to write, of the validation rows")
    parser.add_argument("--history", type=Path, required=True, help=".csv to write, a line more after each epoch")
    parser.add_argument("--resume", type=Path, default=Path(".resume"), help="folder for the state of unfinished runs")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds to wait for the others of TF_CONFIG")
    args = parser.parse_args()
    if not 0 < args.patience < 1e6:
        parser.error(f"--patience {args.patience}: must be more than 0 and less than 1,000,000 seconds")
    params = read_params()
    cluster = cluster_from_environment(params["train.shards"], args.patience)
    if cluster.leads:
        check_writable(args.model, args.confidence, args.metrics, args.history, args.resume / "state.npz")
    join = cluster.join if cluster.size > 1 else None
    with cluster.watched():
        start_tensorflow(params["tensorflow.instruction_set"], params["tensorflow.device"], join)
        with within_memory("model.filters, model.kernel_size, model.dense_units or train.batch_size"):
            fit(args, params, cluster)


def fit(args: argparse.Namespace, params: Params, cluster: Cluster) -> None:
    """Train as `params` say, and write what `args` name; in a cluster, only its first process writes."""
    import keras

    from stages.arrays.prepared import open_prepared
    from stages.network.architecture import build_network
    from stages.network.model_file import save_network
    from stages.training.augmentation import Augmentation
    from stages.training.confidence import unsure_below
    from stages.training.loop import Training
    from stages.training.resume import Backup, digests, fingerprint
    from stages.training.rows import validation_warning

    images, labels = open_prepared(args.images, args.labels)
    keras.utils.set_random_seed(params["train.seed"])
    network = build_network(
        images.shape[1:],
        params["prepare.image_data_format"],
        labels.shape[1],
        filters=params["model.filters"],
        kernel_size=params["model.kernel_size"],
        pool_size=params["model.pool_size"],
        conv_dropout=params["model.conv_dropout"],
        dense_units=params["model.dense_units"],
        dense_dropout=params["model.dense_dropout"],
    )
    if cluster.leads:
        network.summary()
    learning_rate = params["train.learning_rate"]
    training = Training(
        network,
        images,
        labels,
        seed=params["train.seed"],
        batch_size=params["train.batch_size"],
        learning_rate=learning_rate,
        validation_split=params["train.validation_split"],
        validation_rows=params["train.validation_rows"],
        shards=params["train.shards"],
        schedule=params["train.schedule"],
        augmentation=Augmentation(
            rotation=params["train.augmentation.rotation"],
            shear=params["train.augmentation.shear"],
            zoom=params["train.augmentation.zoom"],
            shift=params["train.augmentation.shift"],
        ),
        early_stopping=params["train.early_stopping"],
        image_data_format=params["prepare.image_data_format"],
        cluster=cluster,
    )
    if (warning := validation_warning(labels, training.validation_rows)) is not None and cluster.leads:
        print(f"warning: {warning}", file=sys.stderr)
    epochs = params["train.epochs"]  # before the fingerprint, which is of what was asked for
    alike = digests(params.used, [args.images, args.labels])
    cluster.agree(alike)
    backup = Backup(args.resume, fingerprint(alike, [])) if cluster.leads else None
    for history in training.run(epochs, backup):
        if backup:
            write_csv(args.history, list(history[0]), history)
    if backup:
        kept = training.kept(history)
        figures = {name: round(kept[name], DECIMALS) for name in ("val_accuracy", "val_loss")}
        below = unsure_below(network, images, labels, training.validation_rows, params["prepare.image_data_format"])
        with replacing_all(args.model, args.confidence, args.metrics) as (model, confidence, metrics):
            save_network(network, model, learning_rate)
            write_json(confidence, {"unsure_below": below})
            write_json(metrics, figures | {"val_n": len(training.validation_rows), "epochs": kept["epoch"]})
    cluster.finish()
    if backup:
        backup.remove()  # last: should another process have gone just now, only the writing is to be done again


if __name__ == "__main__":
    process.run(main)
