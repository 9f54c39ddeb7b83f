"""Is B better than A? Compares the committed results of two revisions, image by image. Not a stage."""

import argparse
import json
from pathlib import Path

from stages.running import process


def main() -> None:
    """Compare as the command line says."""
    parser = argparse.ArgumentParser(description="Tell whether the model of B is better than that of A.")
    parser.add_argument("a", metavar="A", help="a commit: its branch, tag, SHA or such as HEAD~1; or an experiment")
    parser.add_argument("b", metavar="B", nargs="?", help="another; without one, the working tree")
    parser.add_argument("--json", action="store_true", help="as JSON, with every image that was mended or broke")
    parser.add_argument("--pictures", type=Path, help="folder to write mended.png and broken.png to")
    args = parser.parse_args()

    from stages.commands.comparison.pairs import compare
    from stages.commands.comparison.results import read_results
    from stages.commands.comparison.revisions import WORKSPACE, Revision, find_revision
    from stages.commands.comparison.showing import as_json, as_text, draw_galleries

    a, b = find_revision(args.a), find_revision(args.b) if args.b else Revision(WORKSPACE)
    comparison = compare(read_results(a), read_results(b))
    if args.pictures:
        draw_galleries(args.pictures, comparison)
    print(json.dumps(as_json(comparison), indent=2) if args.json else as_text(comparison))


if __name__ == "__main__":
    process.leave(process.run(main))
