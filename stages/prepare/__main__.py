"""Stage 2, prepare: check the raw arrays, scale images to [0, 1], one-hot the labels."""

import argparse
import sys
from functools import partial
from pathlib import Path

from stages.running import process
from stages.running.process import InputError


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Look at the data, normalize the images, one-hot the labels.")
    parser.add_argument("raw", type=Path, help="folder with the sets train and test that ingest wrote")
    parser.add_argument("prepared", type=Path, help="folder to write these sets to, and findings.csv")
    parser.add_argument("metrics", type=Path, help="folder to write data.json and data.png to: a look at the data")
    args = parser.parse_args()

    from msgspec import convert

    from stages.arrays.npy import IMAGES, LABELS
    from stages.arrays.prepared import DATASET, MOST_CHANNELS
    from stages.glyphs import centred_glyphs
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
            f"params.yaml: prepare.image_data_format = channels_first: images of {columns} columns would look like "
            f"images of {columns} channels; must be channels_last"
        )
    labels = {name: class_numbers(raw.labels, raw.y, classes) for name, raw in sets.items()}

    look = look_at(images, labels, classes)
    if look.warnings and prepare.strict:
        raise InputError(*(f"{warning} (an error by prepare.strict)" for warning in look.warnings))
    for warning in look.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    leaked = [row["row"] for row in look.findings if row["finding"] == "leaked"]
    dataset = {"classes": classes, "centred_glyphs": centred_glyphs(images["train"]), "leaked": leaked}
    to_images = partial(normalize, white=white, image_data_format=prepare.image_data_format)
    to_labels = partial(one_hot, classes=len(classes))
    arrays = [args.prepared / name / file for name in sets for file in (IMAGES, LABELS)]
    of_data = args.metrics / "data.json", args.metrics / "data.png", args.prepared / "findings.csv"
    with replacing_all(*arrays, args.prepared / "test" / DATASET, *of_data) as partials:
        *arrays, description, metrics, sheet, findings = partials
        for x, y, name in zip(arrays[::2], arrays[1::2], sets, strict=True):
            write_prepared(x, images[name], to_images)
            write_prepared(y, labels[name], to_labels)
        write_json(description, dataset)
        write_json(metrics, look.metrics)
        draw_contact_sheet(sheet, images["train"], labels["train"], classes, white)
        write_csv(findings, COLUMNS, look.findings)


if __name__ == "__main__":
    process.leave(process.run(main))
