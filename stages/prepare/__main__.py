"""Stage 2, prepare: check the raw arrays, scale images to [0, 1], one-hot the labels."""

import argparse
import sys
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
    from stages.arrays.prepared import DATASET, EXTRA, MOST_CHANNELS
    from stages.glyphs import centred_glyphs
    from stages.prepare.contact_sheet import draw_contact_sheet
    from stages.prepare.extra import count_extra, extra_warnings, read_extra
    from stages.prepare.files import Part, open_sets, write_set
    from stages.prepare.findings import COLUMNS
    from stages.prepare.labels import class_names, class_numbers
    from stages.prepare.look import look_at
    from stages.prepare.parameters import Prepare
    from stages.prepare.scaling import largest_pixel, white_level
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

    are_glyphs = centred_glyphs(images["train"])
    shape = (*images["train"].shape[1:], 1)[:3]  # gray images may have no axis of channels
    extra = read_extra(Path(prepare.extra), classes, shape, are_glyphs)
    look = look_at(images, labels, classes)
    warnings = [*look.warnings, *extra_warnings(extra, images["test"], white)]
    if warnings and prepare.strict:
        raise InputError(*(f"{warning} (an error by prepare.strict)" for warning in warnings))
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    leaked = [row["row"] for row in look.findings if row["finding"] == "leaked"]
    parts = {name: [Part(images[name], labels[name], white)] for name in sets}
    parts["train"].append(extra.train)
    parts[f"test/{EXTRA}"] = [extra.held_back]
    counts = count_extra(extra, classes)
    if counts:
        print(f"{prepare.extra}: {counts['train']} pictures to train on, {counts['held_back']} held back")
    metrics = look.metrics | ({"extra": counts} if counts else {})

    arrays = [args.prepared / name / file for name in parts for file in (IMAGES, LABELS)]
    descriptions = [args.prepared / name / DATASET for name in sets]
    of_data = args.metrics / "data.json", args.metrics / "data.png", args.prepared / "findings.csv"
    with replacing_all(*arrays, *descriptions, *of_data) as partials:
        *arrays, of_train, of_test, numbers, sheet, findings = partials
        for name, x, y in zip(parts, arrays[::2], arrays[1::2], strict=True):
            write_set(x, y, parts[name], prepare.image_data_format, len(classes))
        write_json(of_train, {"centred_glyphs": are_glyphs, "extra": len(extra.train.labels)})
        write_json(of_test, {"classes": classes, "centred_glyphs": are_glyphs, "leaked": leaked})
        write_json(numbers, metrics)
        draw_contact_sheet(sheet, images["train"], labels["train"], classes, white)
        write_csv(findings, COLUMNS, look.findings)


if __name__ == "__main__":
    process.leave(process.run(main))
