"""Stage 4, evaluate: grade the trained network on the test set, which no earlier stage decides anything by.

    python -m stages.evaluate --model models/cnn.h5 --images data/prepared/x_test.npy \\
        --labels data/prepared/y_test.npy --dataset data/prepared/dataset.json --findings data/prepared/findings.csv \\
        --metrics metrics/test.json --errors metrics/errors.csv --classes metrics/classes.csv \\
        --calibration metrics/calibration.csv
"""

import argparse
from pathlib import Path

from stages.network.runtime import start_tensorflow
from stages.running import process
from stages.running.outputs import replacing_all, write_csv, write_json
from stages.running.params import read_params


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Grade the trained network on the test set.")
    parser.add_argument("--model", type=Path, required=True, help=".h5 that train wrote")
    parser.add_argument("--images", type=Path, required=True, help=".npy, float32 (n, rows, cols, 1) or channels first")
    parser.add_argument("--labels", type=Path, required=True, help=".npy, one-hot float32 (n, classes)")
    parser.add_argument("--dataset", type=Path, required=True, help=".json that prepare wrote, with the classes' names")
    parser.add_argument("--findings", type=Path, required=True, help=".csv that prepare wrote, with the leaked images")
    parser.add_argument("--metrics", type=Path, required=True, help=".json to write")
    parser.add_argument("--errors", type=Path, required=True, help=".csv to write, a line for each wrong answer")
    parser.add_argument("--classes", type=Path, required=True, help=".csv to write, a line a class")
    parser.add_argument("--calibration", type=Path, required=True, help=".csv to write, a line a range of confidence")
    args = parser.parse_args()
    params = read_params()
    start_tensorflow(params["tensorflow.instruction_set"], params["tensorflow.device"])

    from stages.arrays.prepared import open_prepared, read_dataset
    from stages.evaluation import tables
    from stages.evaluation.grading import grade, leaked_rows
    from stages.network.inference import forward_function, loss_and_accuracy, predict_probabilities
    from stages.network.model_file import load_network

    images, labels = open_prepared(args.images, args.labels)
    names = read_dataset(args.dataset, labels.shape[1]).classes
    leaked = leaked_rows(args.findings, len(images))
    network = load_network(args.model, images.shape[1:], labels.shape[1])
    probabilities = predict_probabilities(forward_function(network), images, watched=True)
    answers = tables.read_answers(probabilities, labels)
    counts = tables.count_classes(answers, len(names))
    loss, _ = loss_and_accuracy(probabilities, labels)
    written = replacing_all(args.metrics, args.errors, args.classes, args.calibration)
    with written as (metrics, errors, classes, calibration):
        write_json(metrics, grade(answers, counts, loss, leaked))
        write_csv(errors, tables.ERROR, tables.list_errors(answers, names))
        write_csv(classes, tables.CLASS, tables.list_classes(counts, names))
        write_csv(calibration, tables.BIN, tables.list_bins(answers))


if __name__ == "__main__":
    process.run(main)
