"""Stage 6, report: draw what train and evaluate have written down."""

import argparse
from pathlib import Path

from stages.running import process


def main() -> None:
    """Run the stage as its command line says."""
    parser = argparse.ArgumentParser(description="Draw what train and evaluate have written down.")
    parser.add_argument("metrics", type=Path, help="folder that they wrote metrics and tables to")
    parser.add_argument("data", type=Path, help="folder with the prepared test set")
    parser.add_argument("figures", type=Path, help="folder to draw to")
    args = parser.parse_args()

    from stages.report.figures import FIGURES
    from stages.report.graded import read_graded
    from stages.running.outputs import replacing_all
    from stages.running.params import read_params

    read_params()
    graded = read_graded(args.metrics, args.data)
    with replacing_all(*(args.figures / f"{name}.png" for name in FIGURES)) as partials:
        for draw, partial in zip(FIGURES.values(), partials, strict=True):
            draw(partial, graded)


if __name__ == "__main__":
    process.leave(process.run(main))
