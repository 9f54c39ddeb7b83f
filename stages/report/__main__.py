"""Stage 6, report: draw what train and evaluate have written down."""

import argparse
import json
from pathlib import Path

from stages.running import process


def main() -> None:
    """Run the stage as its command line says."""
    parser = argparse.ArgumentParser(description="Draw what train and evaluate have written down.")
    parser.add_argument("--history", type=Path, required=True, help=".csv that train wrote")
    parser.add_argument("--metrics", type=Path, required=True, help=".json that evaluate wrote")
    parser.add_argument("--errors", type=Path, required=True, help=".csv that evaluate wrote, of the wrong answers")
    parser.add_argument("--classes", type=Path, required=True, help=".csv that evaluate wrote, of the classes")
    parser.add_argument("--calibration", type=Path, required=True, help=".csv that evaluate wrote, of the confidence")
    parser.add_argument("--images", type=Path, required=True, help=".npy, the prepared test images")
    drawn = parser.add_argument_group("to draw, .png")
    drawn.add_argument("--curves", type=Path, required=True, help="loss and accuracy, epoch by epoch")
    drawn.add_argument("--confusion", type=Path, required=True, help="what is taken for what")
    drawn.add_argument("--recall", type=Path, required=True, help="of which class most is missed")
    drawn.add_argument("--reliability", type=Path, required=True, help="whether answers are as right as they are sure")
    drawn.add_argument("--gallery", type=Path, required=True, help="the most confident wrong answers")
    args = parser.parse_args()

    from stages.arrays.prepared import channels_last, open_prepared_images
    from stages.report import tables
    from stages.report.confusion import draw_confusion
    from stages.report.curves import draw_curves
    from stages.report.gallery import draw_gallery, most_confident
    from stages.report.recall import draw_recall
    from stages.report.reliability import draw_reliability
    from stages.running.outputs import replacing_all
    from stages.running.params import read_params

    read_params()
    history = tables.read_table(args.history, tables.HISTORY)
    errors = tables.read_table(args.errors, tables.ERRORS)
    classes = tables.read_table(args.classes, tables.CLASSES)
    bins = tables.read_table(args.calibration, tables.BINS)
    calibration_error = json.loads(args.metrics.read_text(encoding="utf-8"))["calibration_error"]
    shown = most_confident(errors)
    images = open_prepared_images(args.images)
    pictures = [channels_last(images[row["index"] : row["index"] + 1])[0] for row in shown]
    title = f"the {len(shown)} most confident of {len(errors):,} wrong answers" if errors else "no wrong answer"
    drawn_to = args.curves, args.confusion, args.recall, args.reliability, args.gallery
    with replacing_all(*drawn_to) as (curves, confusion, recall, reliability, gallery):
        draw_curves(curves, history)
        draw_confusion(confusion, errors, classes)
        draw_recall(recall, classes)
        draw_reliability(reliability, bins, calibration_error)
        draw_gallery(gallery, title, shown, pictures)


if __name__ == "__main__":
    process.run(main)
