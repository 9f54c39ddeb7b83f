"""Stage 2, prepare: look at the four raw arrays, bring images to [0, 1] and labels to one-hot."""

import argparse
import sys
from functools import partial
from pathlib import Path

from stages.running import process
from stages.running.process import InputError


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Look at the data, normalize the images, one-hot the labels.")
    parser.add_argument("--raw", type=Path, required=True, help="folder with {x_train,y_train,x_test,y_test}.npy")
    parser.add_argument("--prepared", type=Path, required=True, help="folder to write these four, and more of them, to")
    parser.add_argument("--look", type=Path, required=True, help=".json to write: what there is to know of the data")
    parser.add_argument("--sheet", type=Path, required=True, help=".png to write: samples of each class")
    args = parser.parse_args()

    from msgspec import convert

    from stages.arrays.prepared import MOST_CHANNELS
    from stages.glyphs.recognition import centred_glyphs
    from stages.prepare.contact_sheet import draw_contact_sheet
    from stages.prepare.files import open_sets, write_prepared
    from stages.prepare.findings import COLUMNS
    from stages.prepare.labels import class_names, class_numbers, one_hot
    from stages.prepare.look import look_at
    from stages.prepare.parameters import Prepare
    from stages.prepare.scaling import largest_pixel, normalize, white_level
    from stages.running.outputs import replacing_all, write_csv, write_json
    from stages.running.params import read_params

    prepare = convert(read_params()["prepare"], Prepare)
    sets = open_sets(args.raw, prepare.raw_image_data_format)
    classes = class_names({raw.y: raw.labels for raw in sets.values()}, prepare.classes, prepare.class_names)
    white = white_level({raw.x: largest_pixel(raw.images, raw.x) for raw in sets.values()}, prepare.scale)
    images = {name: raw.images for name, raw in sets.items()}
    if prepare.image_data_format == "channels_first" and (columns := images["train"].shape[2]) <= MOST_CHANNELS:
        raise InputError(
            f"params.yaml: prepare.image_data_format = channels_first: images of {columns} columns would be taken for "
            "others with as many channels; must be channels_last"
        )
    labels = {name: class_numbers(raw.labels, raw.y, classes) for name, raw in sets.items()}

    look = look_at(images, labels, classes)
    if look.warnings and prepare.strict:
        raise InputError(*(f"{warning} (an error by prepare.strict)" for warning in look.warnings))
    for warning in look.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    dataset = {"classes": classes, "centred_glyphs": centred_glyphs(images["train"])}
    to_images = partial(normalize, white=white, image_data_format=prepare.image_data_format)
    to_labels = partial(one_hot, classes=len(classes))
    names = ["findings.csv", "dataset.json", "x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"]
    outputs = [args.look, args.sheet, *(args.prepared / name for name in names)]
    with replacing_all(*outputs) as (metrics, sheet, findings, description, *arrays):
        write_json(metrics, look.metrics)
        write_csv(findings, COLUMNS, look.findings)
        draw_contact_sheet(sheet, images["train"], labels["train"], classes, white)
        write_json(description, dataset)
        for x, y, name in zip(arrays[::2], arrays[1::2], sets, strict=True):
            write_prepared(x, images[name], to_images)
            write_prepared(y, labels[name], to_labels)


if __name__ == "__main__":
    process.run(main)
