"""Stage 5, predict-sample: let the trained network tell what one sample is; by hand, any picture files.

    python -m stages.predict_sample --labels data/prepared/y_test.npy --model models/cnn.h5 \\
        --prediction metrics/prediction.json --figure metrics/prediction.png
    python -m stages.predict_sample photo.png folder [--json]

The stage's sample is `predict.input` in params.yaml: prepared test images, of which `predict.index` picks one, or a
picture file.
"""

import argparse
import sys
from pathlib import Path

from stages.running import process
from stages.running.process import InputError
from stages.running.root import in_project

MODEL = "models/cnn.h5"


def main() -> None:
    """Run the stage, or predict the pictures given, as the command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Predict the sample that params.yaml names, or the pictures given.")
    parser.add_argument("pictures", nargs="*", type=Path, help="picture files, and folders of them, to predict")
    parser.add_argument("--json", action="store_true", help="print a JSON object a picture instead of a line")
    parser.add_argument(
        "--model", type=Path, default=in_project(MODEL), help=".h5 that train wrote; what is known of it lies in .json"
    )
    stage = parser.add_argument_group("as a stage, without pictures")
    stage.add_argument("--labels", type=Path, help=".npy, the one-hot labels of the test images")
    stage.add_argument("--prediction", type=Path, help=".json to write")
    stage.add_argument("--figure", type=Path, help=".png to write")
    args = parser.parse_args()
    as_stage = [args.labels, args.prediction, args.figure]
    if any(as_stage) if args.pictures else None in as_stage:
        parser.error("give either pictures, or all of --labels, --prediction and --figure")

    from msgspec import convert

    from stages.network.parameters import TensorFlow
    from stages.network.runtime import start_tensorflow
    from stages.predict_sample.parameters import Predict
    from stages.running.params import read_params

    params = read_params()
    predict, tensorflow = convert(params["predict"], Predict), convert(params["tensorflow"], TensorFlow)
    start_tensorflow(tensorflow.instruction_set, tensorflow.device)

    from stages.network.model_file import load_network, read_card
    from stages.predict_sample.figure import draw_prediction
    from stages.predict_sample.prediction import Predictor, passed_over, predict_pictures
    from stages.predict_sample.sample import read_sample
    from stages.running.outputs import replacing_all, write_json

    network = load_network(args.model)
    card = read_card(args.model, network.output_shape[1])
    source = Path(predict.input)
    are_pictures = args.pictures or source.suffix != ".npy"
    if are_pictures and predict.preprocessing == "digit" and not card.centred_glyphs:
        raise InputError(
            "params.yaml: predict.preprocessing = digit: makes pictures like MNIST's, but the network was trained on "
            "others than light glyphs in the centre of a dark field; must be plain"
        )
    predictor = Predictor(network, card)
    if args.pictures:
        all_read = predict_pictures(predictor, args.pictures, predict.preprocessing, args.json)
        sys.exit(0 if all_read else 1)
    sample = read_sample(
        source, args.labels, predict.index, predictor.field_shape, predict.preprocessing, predictor.judge
    )
    prediction = predictor.predict(sample)
    label = None if sample.label is None else card.classes[sample.label]
    print(f"Predict: {'?' if prediction['predicted'] is None else prediction['predicted']}")
    if label is not None:
        print(f"Label: {label}")
    if prediction["warning"]:
        print(f"Warning: {prediction['warning']}")
    for note in (passed_over(prediction), sample.note):
        if note:
            print(f"Note: {note}")
    origin = {"input": source.name, "index": sample.index, "label": label}
    with replacing_all(args.prediction, args.figure) as (written, figure):
        write_json(written, {**origin, **prediction, "note": sample.note})
        draw_prediction(figure, sample, prediction, card.classes)


if __name__ == "__main__":
    process.run(main)
