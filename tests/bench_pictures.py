"""How pictures are read: `make bench-pictures` draws them with a seed, and counts what a project makes of them.

    python -m tests.bench_pictures --split test --folder ../shared/pictures --csv figures.csv
    python -m tests.bench_pictures --project ../old --model ../old/models/cnn.h5 --name classic

Digits are MNIST's - validation rows to tune on, test images to report, once - and those of named Debian fonts. Each set
goes to `python -m stages.predict_sample --json` of the project measured: this one, or any checkout. Its answer is
  right          the digits, with `?` or nothing for each other sign; where there is no number, `?` or no answer at all;
  right_warned   of those, with a warning or a `?`;
  wrong_warned   another answer, but told of: by a warning, a `?`, what was passed over, or a refusal of the picture;
  wrong_silent   another answer, and nothing said.
Seconds a picture are CPU time, which a busy machine still doubles: that of the set's process, less that of one for
a single picture, over one picture less.
tests/bench_pictures.csv has the figures, of the default model and of `make handwriting`, and
tests/bench_pictures_068923f.csv those of commit 068923f.
"""

import argparse
import csv
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from stages.running.params import PARAMS_FILE, load
from stages.train.rows import split_rows
from tests.project import ROOT

SEED = 1998
FONTS = Path("/usr/share/fonts")
PACKAGES = """fonts-breip fonts-bwht fonts-cabin fonts-comfortaa fonts-comic-neue fonts-crosextra-caladea
  fonts-dancingscript fonts-dejavu-core fonts-dkg-handwriting fonts-dustin fonts-humor-sans fonts-jura
  fonts-kaushanscript fonts-kristi fonts-lato fonts-liberation fonts-lobster fonts-open-sans fonts-play fonts-quicksand
  fonts-rufscript fonts-sjfonts fonts-tomsontalks fonts-tuffy fonts-yanone-kaffeesatz"""
LETTER_FONTS = """BecauseWeLearn-Regular BecauseWeOrganize-Regular Breip ComicNeue-Regular DancingScript-Regular
  Delphine Domestic_Manners El_Abogado_Loco Junkyard KaushanScript-Regular PenguinAttack Rufscript010 SteveHand dkg
  Cabin-Regular Caladea-Italic Comfortaa-Regular DejaVuSans DejaVuSansMono Dustismo Jura-Regular Lato-Light Lato-Regular
  LiberationMono-Regular LiberationSans-Bold LiberationSerif-Italic LiberationSerif-Regular OpenSans-Semibold
  Play-Regular Quicksand-Regular Tuffy YanoneKaffeesatz-Regular lobster"""
# These know only capitals, or not all the signs, or are another weight of one above.
DIGIT_FONTS = f"""{LETTER_FONTS} BecauseWeBuild-Regular BecauseWeConnect-Regular BecauseWeCreate-Regular
  BecauseWeMentor-Regular ComicNeue-Bold DejaVuSerif-Bold Humor-Sans Kristi TomsonTalks dkgIt"""
CIRCLE = [(np.cos(turn), np.sin(turn)) for turn in np.linspace(0, 2 * np.pi, 17)]
STROKES: dict[
    str, list[list[tuple[float, float]]]
] = {  # of the signs: lines through points (x, y), in a box 20 high as MNIST's digits
    "+": [[(1, 11), (13, 11)], [(7, 5), (7, 17)]],
    "-": [[(1, 11), (11, 11)]],
    "/": [[(11, -3), (1, 20)]],
    ".": [[(1.5, 18.5), (1.5, 19)]],
    "%": [[(13, 1), (3, 19)], *([(x + 2.6 * u, y + 2.6 * v) for u, v in CIRCLE] for x, y in ((3.5, 5), (13, 15.5)))],
}

Ink = NDArray[np.float32]  # (rows, cols), from 0, paper, to 1


@dataclass(frozen=True)
class Source:
    """What digits and letters are drawn from: MNIST's images, uint8, by their digit; font files by their name."""

    images: dict[str, NDArray[np.uint8]]
    fonts: dict[str, Path]

    def glyph(self, rng: Generator, char: str, scale: float) -> Ink:
        """A digit in one of MNIST's hands, so many times as large, or a sign of a pen as wide."""
        if char in STROKES:
            lines = [np.add(line, rng.normal((2, 4.5), 0.5)) * scale for line in STROKES[char]]
            sign = stroke(blank(26 * scale, 19 * scale), lines, rng.uniform(2, 3) * scale)
            return sign[:, sign.any(axis=0)]
        image = Image.fromarray(self.images[char][rng.integers(len(self.images[char]))])
        side = round(28 * scale * rng.uniform(0.92, 1.08))
        smooth = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255
        return crop(np.clip((smooth - 0.2) / 0.5, 0, 1))


def split_source(split: str, fonts: dict[str, Path]) -> Source:
    """The fonts, and MNIST's rows that training validates with (`val`) or its test images."""
    kind = "test" if split == "test" else "train"
    with np.load(ROOT / "data/mnist.npz") as arrays:
        images, labels = arrays[f"x_{kind}"], arrays[f"y_{kind}"]
    if split == "val":
        train = load(PARAMS_FILE)["train"]
        _, rows = split_rows(np.eye(10, dtype=np.float32)[labels], train["validation_split"], train["validation_rows"])
        images, labels = images[rows], labels[rows]
    return Source({str(digit): images[labels == digit] for digit in range(10)}, fonts)


def blank(rows: float, cols: float) -> Ink:
    return np.zeros((round(rows), round(cols)), np.float32)


def crop(ink: Ink) -> Ink:
    return ink[ndimage.find_objects((ink > 0.05).astype(np.int8))[0]]


def stroke(ink: Ink, lines: Sequence[Any], width: float, darkness: float = 1.0) -> Ink:
    """The ink, and a pen's way along lines, each of points (x, y)."""
    sheet = Image.new("L", ink.shape[::-1])
    draw, wide = ImageDraw.Draw(sheet), max(1, round(width))
    for line in lines:
        draw.line([(float(x), float(y)) for x, y in line], 255, wide, joint="curve")
        for x, y in line if wide > 2 else ():
            draw.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), 255)
    return np.maximum(ink, np.asarray(sheet, np.float32) / 255 * darkness)


def row(rng: Generator, glyphs: Sequence[Ink], scale: float, gap: tuple[float, float] = (3, 9), sway: float = 2) -> Ink:
    """Glyphs from left to right, their feet on a line as a hand keeps it; gap and sway in MNIST's pixels."""
    feet = [round(rng.uniform(0, sway) * scale) for _ in glyphs]
    height = max(len(glyph) + foot for glyph, foot in zip(glyphs, feet, strict=True))
    parts = []
    for glyph, foot in zip(glyphs, feet, strict=True):
        parts.append(blank(height, rng.uniform(*gap) * scale))
        parts.append(np.pad(glyph, ((height - len(glyph) - foot, foot), (0, 0))))
    return np.hstack(parts[1:])


def pieces(ink: Ink) -> NDArray[np.int64]:
    """How many pixels each connected piece of ink has, in ascending order."""
    return np.sort(np.bincount(ndimage.label(ink > 0.5, np.ones((3, 3)))[0].ravel())[1:])


def whole(rng: Generator, source: Source, char: str, scale: float) -> Ink:
    """A digit that is one piece."""
    while len(pieces(ink := source.glyph(rng, char, scale))) != 1:
        pass
    return ink


def write(rng: Generator, source: Source, text: str, scale: float) -> Ink:
    """Digits and signs, each apart from the next."""
    return row(rng, [source.glyph(rng, char, scale) for char in text], scale)


def touching(rng: Generator, source: Source, text: str, scale: float) -> Ink:
    """Two digits, moved together until their ink meets, and half a pixel of MNIST's further."""
    left, right = (row(rng, [whole(rng, source, char, scale)], scale) for char in text)
    height, beside = max(len(left), len(right)), right.shape[1]
    left, right = (np.pad(ink, ((height - len(ink), 0), (0, 0))) for ink in (left, right))
    free = [np.where(ink.any(axis=1), ink.argmax(axis=1), np.inf) for ink in (left[:, ::-1] > 0.5, right > 0.5)]
    start = beside + left.shape[1] - int(min(free[0] + free[1])) - round(scale / 2)
    pair = np.pad(left, ((0, 0), (beside, beside)))
    pair[:, start : start + beside] = np.maximum(pair[:, start : start + beside], right)
    return crop(pair)


def broken(rng: Generator, source: Source, text: str, scale: float) -> Ink:
    """A digit with a gap of half to one and a half pixels of MNIST's through it, a tenth or more on either side."""
    while True:
        ink = whole(rng, source, text, scale)
        turn, (ys, xs) = rng.uniform(0, np.pi), np.indices(ink.shape)
        away = (ys - rng.uniform(0, len(ink))) * np.cos(turn) + (xs - rng.uniform(0, ink.shape[1])) * np.sin(turn)
        cut = ink * (np.abs(away) > rng.integers(1, 4) * scale / 4)
        sizes = pieces(cut)
        if len(sizes) > 1 and sizes[-2] > 0.1 * sizes.sum():
            return cut


def two_lines(rng: Generator, source: Source, text: str, scale: float) -> Ink:
    lines = [write(rng, source, line, scale) for line in text.split()]
    width, gap = max(ink.shape[1] for ink in lines), round(rng.uniform(5, 12) * scale)
    return np.vstack([np.pad(ink, ((0, gap), (0, width - ink.shape[1]))) for ink in lines])


def framed(rng: Generator, source: Source, text: str, scale: float) -> Ink:
    """A number in a frame, drawn with the pen or with a finer one."""
    sides = [tuple(map(round, pair)) for pair in rng.uniform(8, 16, (2, 2)) * scale]
    ink = np.pad(write(rng, source, text, scale), sides)
    (height, width), edge = ink.shape, 3 * scale
    corners = [(edge, edge), (width - edge, edge), (width - edge, height - edge), (edge, height - edge)]
    shaken = list(rng.normal(corners, scale / 2))
    return stroke(ink, [[*shaken, shaken[0]]], rng.uniform(0.5, 2.5) * scale)


def boxes(rng: Generator, source: Source, text: str, scale: float) -> Ink:
    """A number on a form, a digit a box, the boxes side by side."""
    width, height = round(rng.uniform(27, 34) * scale), round(rng.uniform(30, 36) * scale)
    ink = blank(height + 9, width * len(text) + 9)
    lines = [[(4, y), (4 + width * len(text), y)] for y in (4, 4 + height)]
    lines += [[(x, 4), (x, 4 + height)] for x in range(4, ink.shape[1], width)]
    for number, char in enumerate(text):
        glyph = source.glyph(rng, char, scale)
        y = 4 + round((height - len(glyph)) / 2 + rng.uniform(-1.5, 1.5) * scale)
        x = 4 + round((width - glyph.shape[1]) / 2 + rng.uniform(-1.5, 1.5) * scale) + number * width
        ink[y : y + len(glyph), x : x + glyph.shape[1]] = glyph
    return stroke(ink, lines, rng.uniform(1, 4), rng.uniform(0.4, 1))


def underlined(rng: Generator, source: Source, text: str, scale: float) -> Ink:
    ink = np.pad(write(rng, source, text, scale), ((0, round(8 * scale)), (round(4 * scale),) * 2))
    (x, short), ys = rng.uniform(0, 4, 2) * scale, len(ink) - rng.uniform(2, 5, 2) * scale
    return stroke(ink, [[(x, ys[0]), (ink.shape[1] - short, ys[1])]], rng.uniform(1.5, 3) * scale)


def cents(rng: Generator, source: Source, text: str, scale: float) -> Ink:
    """A price: what follows the apostrophe is of half the size, and raised."""
    units, small = text.split("'")
    large, raised = write(rng, source, units, scale), write(rng, source, small, scale * rng.uniform(0.45, 0.6))
    raised = np.pad(raised, ((0, max(0, len(large) - len(raised))), (0, 0)))
    return row(rng, [large, raised], scale, (2, 5), 0)


def typed(rng: Generator, source: Source, text: str, scale: float) -> Ink:
    """A number, or a letter, in one font, its characters apart."""
    names = (DIGIT_FONTS if text.isdigit() else LETTER_FONTS).split()
    size, glyphs = round(25 * scale), []
    font = ImageFont.truetype(str(source.fonts[names[int(rng.integers(len(names)))]]), size)
    for char in text:
        sheet = Image.new("L", (3 * size, 2 * size))
        ImageDraw.Draw(sheet).text((size, size * 1.5), char, 255, font, anchor="ls")
        ink: Ink = np.asarray(sheet, np.float32) / np.float32(255)
        glyphs.append(ink[:, ink.any(axis=0)])
    return crop(row(rng, glyphs, scale, (2, 6), 0))


NUMBERS = ["0", "00", "000", "0000", "00000"]
SETS: dict[str, tuple[int, Sequence[str], Callable[[Generator, Source, str, float], Ink]]] = {
    # How many, of which texts - any digit for a 0 -, and how they are drawn.
    "separate": (240, NUMBERS[1:], write),
    "touching": (240, ["00"], touching),
    "broken": (120, ["0"], broken),
    "two-lines": (60, ["00\n00", "00\n000", "000\n00", "000\n0000", "0000\n000"], two_lines),
    "ruled": (80, NUMBERS, write),
    "squared": (80, NUMBERS, write),
    "framed": (80, NUMBERS, framed),
    "boxes": (80, NUMBERS[1:], boxes),
    "underlined": (80, NUMBERS, underlined),
    "cents": (60, ["0'00", "00'00", "000'00"], cents),
    "dates": (60, ["0/0", "00/00", "0.0.00", "00.00.00"], write),
    "plus": (60, ["0+0", "00+0", "0+00", "00+00"], write),
    "percent": (60, ["0%", "00%"], write),
    "minus": (60, ["-0", "-00"], write),
    "font-numbers": (240, NUMBERS[1:], typed),
    "letters": (420, "ACEFHJKLMNPRTUVWXYacdefhkmnprtuvwxy#%&+=?@*", typed),  # none that anybody writes like a digit
}
NO_NUMBER = ("two-lines", "letters")
COUNTS = ("right", "right_warned", "wrong_warned", "wrong_silent")
COLUMNS = ("model", "split", "set", "n", *COUNTS, "seconds_a_picture")


def on_lines(rng: Generator, ink: Ink, scale: float, squared: bool) -> Ink:
    """The ink on ruled paper, its foot about a line, or on squared."""
    foot = np.flatnonzero(ink.any(axis=1))[-1] + rng.uniform(-1, 2) * scale
    spacing, slope = rng.uniform(*((12, 20) if squared else (28, 36))) * scale, rng.uniform(-0.02, 0.02)
    height, width = ink.shape
    lines = [[(0, y), (width, y + slope * width)] for y in np.arange(foot % spacing - spacing, height, spacing)]
    if squared:
        lines += [[(x, 0), (x - slope * height, height)] for x in np.arange(rng.uniform(0, spacing), width, spacing)]
    return stroke(ink, lines, rng.uniform(1, 3), rng.uniform(0.15, 0.5))


def photograph(rng: Generator, ink: Ink) -> Image.Image:
    """The ink on light paper, in a light from one side, a little out of focus, with noise."""
    turn, (ys, xs) = rng.uniform(0, 2 * np.pi), np.indices(ink.shape) / max(ink.shape)
    light = rng.uniform(190, 245) * (1 - rng.uniform(0, 0.2) * (ys * np.sin(turn) + xs * np.cos(turn)))
    gray = light * (1 - rng.uniform(0.6, 0.9) * ndimage.gaussian_filter(ink, rng.uniform(0.5, 1)))
    return Image.fromarray(np.clip(gray + rng.normal(0, 2, ink.shape), 0, 255).astype(np.uint8))


def pictures(name: str, split: str, source: Source) -> Iterator[tuple[Image.Image, str | None]]:
    """A set's pictures and what to read of each (None: there is no number); they follow from seed, split and name."""
    rng = np.random.default_rng([SEED, *f"{split} {name}".encode()])
    count, texts, draw = SETS[name]
    for _ in range(count):
        text = re.sub("0", lambda _: str(rng.integers(10)), str(rng.choice(list(texts))))
        scale = rng.uniform(3, 6)
        sides = [tuple(map(round, pair)) for pair in rng.uniform(6, 20, (2, 2)) * scale]
        ink = np.pad(draw(rng, source, text, scale), sides)
        if name in ("ruled", "squared"):
            ink = on_lines(rng, ink, scale, name == "squared")
        yield photograph(rng, ink), None if name in NO_NUMBER else text


def read(project: Path, model: Path | None, path: Path) -> tuple[dict[Path, dict[str, Any]], float]:
    """What the project answers to each picture, and the CPU seconds of its process."""
    own = project / ".venv/bin/python"
    command = [str(own if own.exists() else sys.executable), "-m", "stages.predict_sample", "--json", str(path)]
    command += ["--model", str(model)] if model else []
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answers = {Path(answer["picture"]): answer for answer in map(json.loads, run.stdout.splitlines())}
    if not answers:
        sys.exit(f"bench_pictures: {' '.join(command)}: {run.stderr.strip()[-500:]}")
    return answers, taken


def grade(expected: str | None, answer: dict[str, Any] | None) -> set[str]:
    """Which of COUNTS an answer counts for; it is None if the picture was refused."""
    answer = answer or {"predicted": None, "warning": "refused"}
    told = "?" if answer["predicted"] is None else str(answer["predicted"])
    pattern = ".*[?].*" if expected is None else re.sub(r"\D", r"[?]*", expected)
    warned = bool(answer["warning"]) or "?" in told
    if re.fullmatch(pattern, told):
        return {"right", "right_warned"} if warned else {"right"}
    return {"wrong_warned" if warned or answer.get("passed_over") else "wrong_silent"}


def measure(
    project: Path, model: Path | None, folder: Path, truth: dict[str, str | None], start_up: float
) -> list[Any]:
    """The COLUMNS from n on, of the pictures in a folder that `truth` says of what to read."""
    answers, taken = read(project, model, folder)
    counts = Counter(count for name, text in truth.items() for count in grade(text, answers.get(folder / name)))
    seconds = max(0.0, taken - start_up) / max(1, len(answers) - 1)
    return [len(truth), *(counts[count] for count in COUNTS), f"{seconds:.2f}"]


def find_fonts(install: bool) -> dict[str, Path]:
    """The named fonts, by name; none unless all are there, lest figures be compared that do not compare."""
    if install:
        subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES.split()], check=True)
    there = {path.stem: path for path in sorted(FONTS.rglob("*.[ot]tf"), reverse=True)}
    missing = [name for name in DIGIT_FONTS.split() if name not in there]
    if missing:
        packages = " ".join(PACKAGES.split())
        print(f"left out the fonts, for want of {', '.join(missing)}: --install-fonts, or apt-get install {packages}")
        return {}
    print(f"{len(DIGIT_FONTS.split())} fonts: {', '.join(DIGIT_FONTS.split())}")
    return {name: there[name] for name in DIGIT_FONTS.split()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw sets of pictures, and count how a project reads them.")
    parser.add_argument("--project", type=Path, default=ROOT, help="the checkout to measure (default: this one)")
    parser.add_argument("--model", type=Path, help=".h5 to read with (default: the project's models/cnn.h5)")
    parser.add_argument("--name", help="what the table calls the model (default: its file)")
    parser.add_argument("--split", choices=["val", "test"], default="val", help="test: to report, once")
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS), help="without a name: none")
    parser.add_argument("--folder", type=Path, help="pictures with a labels.csv (path,label) to measure as well")
    parser.add_argument("--keep", type=Path, help="folder to leave the drawn pictures in")
    parser.add_argument("--install-fonts", action="store_true", help="install their packages first, as root")
    parser.add_argument("--csv", type=Path, help="table to add the figures to")
    args = parser.parse_args()
    project, model = args.project.resolve(), args.model and args.model.resolve()
    fonts, name = find_fonts(args.install_fonts), args.name or str(args.model or "models/cnn.h5")
    source = split_source(args.split, fonts)
    print(*(f"{key:>13}" for key in COLUMNS))

    def note(title: str, split: str, folder: Path, truth: dict[str, str | None]) -> None:
        figures = [name, split, title, *measure(project, model, folder, truth, start_up)]
        print(*(f"{value:>13}" for value in figures), flush=True)
        if args.csv:
            rows = [figures] if args.csv.exists() else [COLUMNS, figures]
            with args.csv.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)

    with tempfile.TemporaryDirectory(prefix="bench-pictures-") as temporary:
        one = Path(temporary) / "one.png"
        next(pictures("separate", args.split, source))[0].save(one)
        _, start_up = read(project, model, one)
        for title in args.sets:
            split = args.split if SETS[title][2] is not typed else "fonts"
            if split == "fonts" and not fonts:
                continue
            folder = (args.keep or Path(temporary)).resolve() / f"{split}-{title}"
            folder.mkdir(parents=True, exist_ok=True)
            truth = {}
            for number, (picture, text) in enumerate(pictures(title, split, source)):
                picture.save(folder / f"{number:03}.png")
                truth[f"{number:03}.png"] = text
            note(title, split, folder, truth)
        if args.folder:
            with (args.folder / "labels.csv").open(newline="", encoding="utf-8") as file:
                labels: dict[str, str | None] = {line["path"]: line["label"] for line in csv.DictReader(file)}
            note(args.folder.resolve().name, "-", args.folder.resolve(), labels)


if __name__ == "__main__":
    main()
