"""Stage 1, ingest: write the images and labels of the data source as arrays into a folder."""

import argparse
from pathlib import Path

from stages.running import process


def main() -> None:
    """Run the stage as its command line and params.yaml say."""
    parser = argparse.ArgumentParser(description="Write the images and labels of the data source into a folder.")
    parser.add_argument("raw", type=Path, help="folder to write the sets train and test to, and files.csv")
    args = parser.parse_args()

    from msgspec import convert

    from stages.ingest.parameters import Data
    from stages.ingest.sources import copy_source
    from stages.running.params import read_params

    # Check files, too: DVC must not record a source that it sees only in part.
    data = convert(read_params(check_files=True)["data"], Data)
    for line in copy_source(Path(data.source), args.raw, data):
        print(process.printable(line))


if __name__ == "__main__":
    process.leave(process.run(main))
