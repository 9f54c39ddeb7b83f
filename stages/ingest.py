"""Stage 1, ingest: copy the four arrays of the data source, byte for byte, into a folder.

    python -m stages.ingest --raw data/raw

The source, `data.source` in params.yaml, is an .npz archive with x_train, y_train, x_test and y_test, or a folder with
the four as .npy files.
"""

import argparse
from pathlib import Path

from stages.running import process
from stages.running.params import file_name, read_params

PARAMS = {"data.source": file_name()}


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Copy the four arrays of the data source into a folder.")
    parser.add_argument("--raw", type=Path, required=True, help="folder to write the four .npy files to")
    args = parser.parse_args()
    params = read_params()

    from stages.sources.arrays import copy_arrays

    copy_arrays(Path(params["data.source"]), args.raw)


if __name__ == "__main__":
    process.run(main)
