"""Stage 5, predict-sample: let the trained network tell what one test image is; by hand, any picture files.

    python -m stages.predict_sample --images data/prepared/x_test.npy --labels data/prepared/y_test.npy \\
        --model models/cnn.h5 --prediction metrics/prediction.json --figure metrics/prediction.png
    python -m stages.predict_sample photo.png more.jpg [--json]
"""

import argparse
import json
import sys
from pathlib import Path

from stages import process
from stages.files import write_json
from stages.params import read_params, whole
from stages.process import InputError
from stages.runtime import start_tensorflow

PARAMS = {"predict.index": whole(0, 2**63 - 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Predict one test image, or the picture files given.")
    parser.add_argument("pictures", nargs="*", type=Path, help="picture files to predict by hand")
    parser.add_argument("--json", action="store_true", help="print a JSON object a picture instead of a line")
    parser.add_argument("--model", type=Path, default=Path("models/cnn.h5"), help=".h5 that train wrote")
    stage = parser.add_argument_group("as a stage, without pictures")
    stage.add_argument("--images", type=Path, help=".npy of prepared test images")
    stage.add_argument("--labels", type=Path, help=".npy of their one-hot labels")
    stage.add_argument("--prediction", type=Path, help=".json to write")
    stage.add_argument("--figure", type=Path, help=".png to write")
    args = parser.parse_args()
    if not args.pictures and None in (args.images, args.labels, args.prediction, args.figure):
        parser.error("give picture files, or all of --images, --labels, --prediction and --figure")
    params = read_params()
    start_tensorflow(params["tensorflow.instruction_set"], params["tensorflow.device"])
    if args.pictures:
        predict_pictures(args.pictures, args.model, args.json)
    else:
        predict_test_image(args, params["predict.index"])


def predict_test_image(args: argparse.Namespace, index: int) -> None:
    """Predict image `index` of the test set and write the prediction and its figure."""
    from stages.figure import draw_prediction
    from stages.model_file import load_network
    from stages.prediction import describe, predict_fields
    from stages.prepared import open_prepared

    images, labels = open_prepared(args.images, args.labels)
    if index >= len(images):
        raise InputError(f"params.yaml: predict.index = {index}: must be from 0 to {len(images) - 1} ({args.images})")
    network = load_network(args.model, images.shape[1:], labels.shape[1])
    probabilities = predict_fields(network, images[index : index + 1])[0]
    label = int(labels[index].argmax())
    prediction = {"index": index, "label": label, **describe(probabilities)}
    print(f"Predict: {prediction['predicted']}\nLabel: {label}")
    write_json(args.prediction, prediction)
    draw_prediction(args.figure, images[index].squeeze(), probabilities, label)


def predict_pictures(paths: list[Path], model: Path, as_json: bool) -> None:
    """Predict picture files and print a line each; those that cannot be read get theirs on stderr.

    Raises:
        SystemExit: with status 1, at the end, if one could not be read.
    """
    import numpy as np

    from stages.model_file import load_network
    from stages.picture import read_field
    from stages.prediction import describe, field_size, predict_fields

    network = load_network(model)
    read, fields = [], []
    for path in paths:
        try:
            fields.append(read_field(path, *field_size(network)))
            read.append(path)
        except InputError as error:
            print(f"predict_sample: {error}", file=sys.stderr)
    if fields:
        for path, probabilities in zip(read, predict_fields(network, np.stack(fields)), strict=True):
            prediction = {"picture": str(path), **describe(probabilities)}
            line = f"{path}: {prediction['predicted']} ({prediction['probability']:.1%})"
            print(json.dumps(prediction) if as_json else line)
    if len(read) < len(paths):
        sys.exit(1)


if __name__ == "__main__":
    process.run(main)
