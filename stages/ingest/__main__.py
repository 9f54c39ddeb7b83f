"""Stage 1, ingest: write the images and labels of the data source as four arrays into a folder.

The source, `data.source` in params.yaml, is an .npz archive with x_train, y_train, x_test and y_test, or a folder: of
the four as .npy files, of IDX files as MNIST came in, or of class folders of pictures.
"""

import argparse
from pathlib import Path

from stages.running import process


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Write the images and labels of the data source into a folder.")
    parser.add_argument("--raw", type=Path, required=True, help="folder to write four .npy files and files.csv to")
    args = parser.parse_args()

    from msgspec import convert

    from stages.ingest.parameters import Data
    from stages.ingest.recognition import copy_source
    from stages.running.params import read_params

    data = convert(
        read_params(check_files=True)["data"], Data
    )  # before DVC records a source that it does not see whole
    for line in copy_source(Path(data.source), args.raw, data):
        print(process.printable(line))


if __name__ == "__main__":
    process.run(main)
