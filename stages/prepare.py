"""Stage 2, prepare: check the four raw arrays, normalize the images and one-hot the labels.

python -m stages.prepare --raw data/raw --prepared data/prepared
"""

import argparse
from functools import partial
from pathlib import Path

from stages.running import process
from stages.running.params import choice, read_params, whole

PARAMS = {
    "prepare.image_data_format": choice("channels_last", "channels_first"),
    "prepare.classes": whole(2, 100_000),
}


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Check and normalize the images, one-hot the labels.")
    parser.add_argument("--raw", type=Path, required=True, help="folder with {x_train,y_train,x_test,y_test}.npy")
    parser.add_argument("--prepared", type=Path, required=True, help="folder to write the same four names to")
    args = parser.parse_args()
    params = read_params()

    from stages.arrays.npy import open_array
    from stages.dataset.checks import check_sets
    from stages.dataset.preparation import normalize, one_hot, write_prepared

    paths = {name: args.raw / f"{name}.npy" for name in ("x_train", "y_train", "x_test", "y_test")}
    arrays = {name: open_array(path) for name, path in paths.items()}
    check_sets(arrays, {name: str(path) for name, path in paths.items()}, params["prepare.classes"])
    to_images = partial(normalize, image_data_format=params["prepare.image_data_format"])
    to_labels = partial(one_hot, classes=params["prepare.classes"])
    for name, array in arrays.items():
        write_prepared(args.prepared / f"{name}.npy", array, to_images if name.startswith("x") else to_labels)


if __name__ == "__main__":
    process.run(main)
