"""Stage 4, evaluate: grade the trained network on the test set, which no earlier stage bases decisions on."""

import argparse
import json
import sys
from pathlib import Path

from stages.network import CONFIDENCE, MODEL
from stages.running import process


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Grade the trained network on the test set.")
    parser.add_argument("models", type=Path, help="folder that train wrote to; the model's card, cnn.json, goes there")
    parser.add_argument("data", type=Path, help="folder with the prepared test set")
    parser.add_argument("metrics", type=Path, help="folder to write test.json and the tables to")
    args = parser.parse_args()

    import msgspec

    from stages.network.parameters import TensorFlow
    from stages.network.runtime import start_tensorflow
    from stages.running.outputs import md5, replacing_all, write_json
    from stages.running.params import read_params
    from stages.tables import CALIBRATION, CLASSES, ERRORS

    tensorflow = msgspec.convert(read_params()["tensorflow"], TensorFlow)
    start_tensorflow(tensorflow.instruction_set, tensorflow.device)

    from stages.arrays.npy import IMAGES, LABELS, Rows, open_array
    from stages.arrays.prepared import DATASET, EXTRA
    from stages.evaluate import grading
    from stages.network.inference import forward_function, loss_and_accuracy, predict_probabilities
    from stages.network.model_file import Card, card_path, load_network

    images, labels = Rows(args.data / IMAGES), open_array(args.data / LABELS)
    dataset, confidence = (
        json.loads(path.read_text(encoding="utf-8")) for path in (args.data / DATASET, args.models / CONFIDENCE)
    )
    leaked = dataset.pop("leaked")
    card = Card(**dataset, **confidence, model_md5=md5(args.models / MODEL))
    network = load_network(args.models / MODEL, images.shape[1:], labels.shape[1])
    forward = forward_function(network)
    probabilities = predict_probabilities(forward, images, watched=True)
    answers = grading.read_answers(probabilities, labels)
    counts = grading.count_classes(answers, len(card.classes))
    loss, _ = loss_and_accuracy(probabilities, labels)
    graded = grading.grade(answers, counts, loss, leaked)
    line, is_hardly_better = grading.beside_baseline(graded, grading.baseline(counts))
    if is_hardly_better:
        print(f"warning: {line}: the network has learned little", file=sys.stderr)
    else:
        print(line)
    extra_labels = open_array(args.data / EXTRA / LABELS)
    measured: dict[str, object] = {**graded}
    if len(extra_labels):
        answered = predict_probabilities(forward, Rows(args.data / EXTRA / IMAGES))
        measured["extra"] = grading.grade_extra(*loss_and_accuracy(answered, extra_labels), len(extra_labels))
    tables = [args.metrics / table.file for table in (ERRORS, CLASSES, CALIBRATION)]
    with replacing_all(card_path(args.models / MODEL), args.metrics / "test.json", *tables) as partials:
        description, metrics, errors, classes, calibration = partials
        write_json(description, msgspec.to_builtins(card))
        write_json(metrics, measured)
        ERRORS.write(errors, grading.list_errors(answers, card.classes))
        CLASSES.write(classes, grading.list_classes(counts, card.classes))
        CALIBRATION.write(calibration, grading.list_bins(answers))


if __name__ == "__main__":
    process.leave(process.run(main))
