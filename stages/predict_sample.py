"""Stage 5, predict-sample: let the trained network tell what one sample is; by hand, any picture files.

    python -m stages.predict_sample --labels data/prepared/y_test.npy --model models/cnn.h5 \\
        --confidence models/confidence.json --dataset data/prepared/dataset.json \\
        --prediction metrics/prediction.json --figure metrics/prediction.png
    python -m stages.predict_sample photo.png folder [--json]

The stage's sample is `predict.input` in params.yaml: prepared test images, of which `predict.index` picks one, or a
picture file.
"""

import argparse
import sys
from pathlib import Path

from stages.network.runtime import start_tensorflow
from stages.running import process
from stages.running.params import choice, file_name, read_params, whole
from stages.running.process import InputError
from stages.running.root import in_project

MODEL, DATASET = "models/cnn.h5", "data/prepared/dataset.json"
PARAMS = {
    "predict.input": file_name(),
    "predict.index": whole(0, 2**63 - 1),
    "predict.preprocessing": choice("digit", "plain"),
}


def picture(text: str) -> Path:
    """The argument `text` as a path. An empty one, of a script's unset variable, is not the current folder.

    Raises:
        InputError: it is empty, or a URL.
    """
    if "://" in text:
        raise InputError(f"{text}: is an address; must be a file or folder on this machine")
    if not text:
        raise InputError("an empty name was given; must be a picture file or a folder of them")
    return Path(text)


def main() -> None:
    """Run the stage, or predict the pictures given, as the command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Predict the sample that params.yaml names, or the pictures given.")
    parser.add_argument("pictures", nargs="*", type=picture, help="picture files, and folders of them, to predict")
    parser.add_argument("--json", action="store_true", help="print a JSON object a picture instead of a line")
    model_file, dataset_file = in_project(MODEL), in_project(DATASET)
    parser.add_argument("--model", type=Path, default=model_file, help=".h5 that train wrote")
    parser.add_argument(
        "--confidence", type=Path, help=".json that train wrote (default: confidence.json beside --model)"
    )
    parser.add_argument(
        "--dataset",
        type=Path,
        help=f".json that prepare wrote: class names (default: that beside --model, or {DATASET})",
    )
    stage = parser.add_argument_group("as a stage, without pictures")
    stage.add_argument("--labels", type=Path, help=".npy, the one-hot labels of the test images")
    stage.add_argument("--prediction", type=Path, help=".json to write")
    stage.add_argument("--figure", type=Path, help=".png to write")
    args = parser.parse_args()
    as_stage = [args.labels, args.prediction, args.figure]
    if any(as_stage) if args.pictures else None in as_stage:
        parser.error("give either pictures, or all of --labels, --prediction and --figure")
    params = read_params()
    start_tensorflow(params["tensorflow.instruction_set"], params["tensorflow.device"])

    from stages.arrays.prepared import read_dataset
    from stages.network.model_file import load_network, read_unsure_below
    from stages.pictures.figure import draw_prediction
    from stages.pictures.prediction import Predictor, predict_pictures
    from stages.pictures.provenance import check_same_data
    from stages.pictures.sample import read_sample
    from stages.running.outputs import replacing_all, write_json

    source, index = Path(params["predict.input"]), params["predict.index"]
    preprocessing = params["predict.preprocessing"]
    beside = args.model.parent / dataset_file.name
    described_by = args.dataset or (beside if beside.exists() else dataset_file)
    if args.pictures and (args.model, described_by) == (model_file, dataset_file):
        check_same_data(MODEL, DATASET)
    dataset = read_dataset(described_by)
    finds_digits = preprocessing == "digit" and (bool(args.pictures) or source.suffix != ".npy")
    if finds_digits and not dataset.centred_glyphs:
        raise InputError(
            "params.yaml: predict.preprocessing = digit: makes pictures like MNIST's, but the network was trained on "
            "others than light glyphs in the centre of a dark field; must be plain"
        )
    views = "all_views" if finds_digits else "one_view"
    confidence = args.confidence or args.model.parent / "confidence.json"
    network = load_network(args.model, classes=len(dataset.classes))
    predictor = Predictor(network, dataset, read_unsure_below(confidence, views), views)
    if args.pictures:
        all_read = predict_pictures(predictor, args.pictures, preprocessing, args.json)
        sys.exit(0 if all_read else 1)
    layout = dataset.image_data_format
    sample = read_sample(source, args.labels, index, predictor.field_shape, layout, preprocessing)
    prediction = predictor.predict(sample)
    label = None if sample.label is None else dataset.classes[sample.label]
    print(f"Predict: {prediction['predicted']}")
    if label is not None:
        print(f"Label: {label}")
    if prediction["warning"]:
        print(f"Warning: {prediction['warning']}")
    if sample.note:
        print(f"Note: {sample.note}")
    origin = {"input": source.name, "index": sample.index, "label": label}
    with replacing_all(args.prediction, args.figure) as (written, figure):
        write_json(written, {**origin, **prediction, "note": sample.note})
        draw_prediction(figure, sample, prediction, dataset.classes)


if __name__ == "__main__":
    process.run(main)
