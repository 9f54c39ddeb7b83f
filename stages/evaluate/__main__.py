"""Stage 4, evaluate: grade the trained network on the test set, which no earlier stage decides anything by."""

import argparse
import json
from pathlib import Path

from stages.running import process


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Grade the trained network on the test set.")
    parser.add_argument("--model", type=Path, required=True, help=".h5 that train wrote")
    parser.add_argument("--images", type=Path, required=True, help=".npy, float32 (n, rows, cols, 1) or channels first")
    parser.add_argument("--labels", type=Path, required=True, help=".npy, one-hot float32 (n, classes)")
    parser.add_argument("--dataset", type=Path, required=True, help=".json that prepare wrote, with the classes' names")
    parser.add_argument("--findings", type=Path, required=True, help=".csv that prepare wrote, with the leaked images")
    parser.add_argument("--confidence", type=Path, required=True, help=".json that train wrote beside the model")
    parser.add_argument("--card", type=Path, required=True, help=".json to write: what is to be known of the model")
    parser.add_argument("--metrics", type=Path, required=True, help=".json to write")
    parser.add_argument("--errors", type=Path, required=True, help=".csv to write, a line for each wrong answer")
    parser.add_argument("--classes", type=Path, required=True, help=".csv to write, a line a class")
    parser.add_argument("--calibration", type=Path, required=True, help=".csv to write, a line a range of confidence")
    args = parser.parse_args()

    import msgspec

    from stages.network.parameters import TensorFlow
    from stages.network.runtime import start_tensorflow
    from stages.running.outputs import md5, replacing_all, write_csv, write_json
    from stages.running.params import read_params

    tensorflow = msgspec.convert(read_params()["tensorflow"], TensorFlow)
    start_tensorflow(tensorflow.instruction_set, tensorflow.device)

    from stages.arrays.npy import Rows, open_array
    from stages.evaluate import tables
    from stages.evaluate.grading import grade, leaked_rows
    from stages.network.inference import forward_function, loss_and_accuracy, predict_probabilities
    from stages.network.model_file import Card, load_network

    images, labels = Rows(args.images), open_array(args.labels)
    dataset, confidence = (json.loads(path.read_text(encoding="utf-8")) for path in (args.dataset, args.confidence))
    card = Card(**dataset, **confidence, model_md5=md5(args.model))
    leaked = leaked_rows(args.findings)
    network = load_network(args.model, images.shape[1:], labels.shape[1])
    probabilities = predict_probabilities(forward_function(network), images, watched=True)
    answers = tables.read_answers(probabilities, labels)
    counts = tables.count_classes(answers, len(card.classes))
    loss, _ = loss_and_accuracy(probabilities, labels)
    written = replacing_all(args.card, args.metrics, args.errors, args.classes, args.calibration)
    with written as (description, metrics, errors, classes, calibration):
        write_json(description, msgspec.to_builtins(card))
        write_json(metrics, grade(answers, counts, loss, leaked))
        write_csv(errors, tables.ERROR, tables.list_errors(answers, card.classes))
        write_csv(classes, tables.CLASS, tables.list_classes(counts, card.classes))
        write_csv(calibration, tables.BIN, tables.list_bins(answers))


if __name__ == "__main__":
    process.run(main)
