"""Stage 5, predict-sample: predict one sample with the trained network; or, by hand, any pictures."""

import argparse
from pathlib import Path

from stages.network import MODEL
from stages.running import process


def main() -> int:
    """Run the stage, or predict the pictures given, as the command line and params.yaml say.

    Returns:
        The exit status: 1 if a picture could not be read.
    """
    parser = argparse.ArgumentParser(description="Predict pictures; or, as a stage, the sample that params.yaml names.")
    parser.add_argument("pictures", nargs="*", type=Path, help="picture files, and folders of them, to predict")
    parser.add_argument("--json", action="store_true", help="print a JSON object a picture instead of a line")
    parser.add_argument("--model", type=Path, help=f".h5, with its card in .json beside it (default: models/{MODEL})")
    parser.add_argument(
        "--stage",
        nargs=3,
        type=Path,
        metavar=("MODELS", "DATA", "METRICS"),
        help="folders: of the model, of the prepared test set, and to write prediction.json and prediction.png to",
    )
    args = parser.parse_args()
    if bool(args.pictures) == bool(args.stage) or (args.stage and (args.model or args.json)):
        parser.error("give either pictures, with --model and --json if need be, or --stage and its folders")

    from stages.predict_sample.by_hand import open_reader, predict_pictures

    if args.pictures:
        return 0 if predict_pictures(open_reader(args.model), args.pictures, args.json) else 1
    predict_input(*args.stage)
    return 0


def predict_input(models: Path, data: Path, metrics: Path) -> None:
    """Predict `predict.input`: one of some prepared images (`predict.index`), or a picture file.

    Args:
        models: folder of the model. data: folder of the prepared test set. metrics: folder to write to.
    """
    from stages.predict_sample.loading import start

    predict = start()

    from stages.predict_sample.figure import draw_prediction
    from stages.predict_sample.in_words import other_marks
    from stages.predict_sample.prediction import load_predictor
    from stages.predict_sample.sample import read_sample
    from stages.running.outputs import replacing_all, write_json

    source = Path(predict.input)
    predictor = load_predictor(models / MODEL, None if source.suffix == ".npy" else predict.preprocessing)
    sample = read_sample(source, data, predict.index, predictor.field_shape, predict.preprocessing, predictor.judge)
    prediction = predictor.predict(sample)
    label = None if sample.label is None else predictor.classes[sample.label]
    print(process.printable(f"Predict: {'?' if prediction['predicted'] is None else prediction['predicted']}"))
    remarks = (("Label", label), ("Warning", prediction["warning"]), ("Note", other_marks(prediction)))
    for name, remark in (*remarks, ("Note", sample.note)):
        if remark is not None:
            print(process.printable(f"{name}: {remark}"))
    origin = {"input": source.name, "index": sample.index, "label": label}
    with replacing_all(metrics / "prediction.json", metrics / "prediction.png") as (written, figure):
        write_json(written, {**origin, **prediction, "note": sample.note})
        draw_prediction(figure, sample, prediction, predictor.classes)


if __name__ == "__main__":
    process.leave(process.run(main))
