"""Stage 1, ingest: write the images and labels of the data source as four arrays into a folder.

    python -m stages.ingest --raw data/raw

The source, `data.source` in params.yaml, is an .npz archive with x_train, y_train, x_test and y_test, or a folder: of
the four as .npy files, of IDX files as MNIST came in, or of class folders of pictures.
"""

import argparse
from pathlib import Path

from stages.running import process
from stages.running.params import between, boolean, choice, file_name, list_of, optional, read_params, whole

PARAMS = {
    "data.source": file_name(),
    "data.transposed": boolean(),
    "data.test_split": between(0, 1),
    "data.image_size": optional(list_of(whole(1, 4096), length=2)),
    "data.channels": optional(choice(1, 3)),
    "data.unreadable_pictures": choice("error", "leave_out"),
}


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Write the images and labels of the data source into a folder.")
    parser.add_argument("--raw", type=Path, required=True, help="folder to write four .npy files and files.csv to")
    args = parser.parse_args()
    params = read_params(check_files=True)  # before DVC records a source that it does not see whole

    from stages.sources.options import Options
    from stages.sources.recognition import copy_source

    options = Options(
        transposed=params["data.transposed"],
        test_split=params["data.test_split"],
        image_size=params["data.image_size"],
        channels=params["data.channels"],
        unreadable_pictures=params["data.unreadable_pictures"],
    )
    for line in copy_source(Path(params["data.source"]), args.raw, options):
        print(process.printable(line))


if __name__ == "__main__":
    process.run(main)
