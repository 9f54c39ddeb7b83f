"""Any picture of a digit becomes what MNIST's authors would have made of it; any other file gets a clear line."""

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from stages.digits.reading import DOUBTFUL, TOO_LONG, Judge
from stages.picture_files.picture import find_pictures
from stages.predict_sample.sample import Sample, picture_sample
from stages.running.process import InputError

# Pen strokes on a unit square, x to the right and y down.
STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "1, very narrow": [[(0.5, 0.2), (0.5, 0.8)]],
    "7 with a bar": [[(0.3, 0.2), (0.7, 0.2), (0.45, 0.8)], [(0.4, 0.5), (0.65, 0.5)]],
    "open 4": [[(0.35, 0.2), (0.3, 0.55), (0.7, 0.55)], [(0.6, 0.25), (0.6, 0.8)]],
    "5 in two strokes": [
        [(0.4, 0.24), (0.37, 0.46), (0.55, 0.45), (0.65, 0.6), (0.55, 0.77), (0.35, 0.75)],
        [(0.46, 0.19), (0.68, 0.18)],
    ],
    "off-centre 8": [
        [(0.2, 0.15), (0.28, 0.08), (0.2, 0.02), (0.12, 0.08), (0.2, 0.15)],
        [(0.2, 0.15), (0.3, 0.24), (0.2, 0.32), (0.1, 0.24), (0.2, 0.15)],
    ],
}
NUMBER = ["7 with a bar", "5 in two strokes", "1, very narrow", "open 4", "7 with a bar"]


def draw(name: str, size: int = 280, pen: float = 0.05, ink: int = 30, paper: int = 230) -> Image.Image:
    """Draw a digit with a round pen, anti-aliased."""
    large = Image.new("L", (size * 2, size * 2), paper)
    canvas = ImageDraw.Draw(large)
    width = max(2, round(pen * size * 2))
    for stroke in STROKES[name]:
        points = [(x * size * 2, y * size * 2) for x, y in stroke]
        canvas.line(points, ink, width, "curve")
        for x, y in points:
            canvas.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), ink)
    return large.resize((size, size), Image.Resampling.LANCZOS)


def page(*shapes: tuple[str, tuple[int, ...], int | None], paper: Image.Image | None = None) -> Image.Image:
    """Ellipses, rectangles and lines: what, its coordinates, and the width of the pen, or None if it is filled."""
    paper = paper or Image.new("L", (300, 300), 230)
    for kind, where, pen in shapes:
        how: dict[str, Any] = {"fill": 30} if pen is None or kind == "line" else {"outline": 30}
        getattr(ImageDraw.Draw(paper), kind)(where, width=pen or 0, **how)
    return paper


def sure(fields: np.ndarray) -> np.ndarray:
    """What a network says that is sure of everything."""
    return np.ones(len(fields), np.float32)


def read(path: Path, size: tuple[int, int] = (28, 28)) -> Sample:
    return picture_sample(path, (*size, 1), "digit", Judge(sure, 0.5, 0.1))


def ink_box(picture: Image.Image) -> tuple[int, int, int, int]:
    return picture.point(lambda value: 255 * (value < 128)).getbbox() or (0, 0, 0, 0)


def see(picture: Image.Image) -> Sample:
    with tempfile.TemporaryDirectory() as folder:
        picture.save(Path(folder, "a.png"))
        return read(Path(folder, "a.png"))


def field_of(found: Sample) -> np.ndarray:
    assert found.warning is None and len(found.fields) == 1, found.warning
    return found.fields[0]


@cache
def plain(name: str) -> np.ndarray:
    """The field of a digit drawn as it should be."""
    return field_of(see(draw(name)))


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two fields, the second blurred a little and shifted by up to a pixel."""
    other = ndimage.uniform_filter(other, 3)
    one = ndimage.uniform_filter(one, 3)
    shifts = [np.roll(other, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return max(float(np.corrcoef(one.ravel(), shifted.ravel())[0, 1]) for shifted in shifts)


@pytest.mark.parametrize("name", STROKES)
def test_a_digit_fills_the_box_keeps_its_aspect_and_is_centred_by_mass(name: str) -> None:
    field = plain(name)
    assert field.shape == (28, 28) and field.dtype == np.float32 and field.min() == 0 and 0.8 < field.max() <= 1
    rows, cols = np.nonzero(field > 0.3)
    height, width = np.ptp(rows) + 1, np.ptp(cols) + 1
    assert 18 <= max(height, width) <= 20
    drawn = np.concatenate([np.array(stroke) for stroke in STROKES[name]])
    assert width / height == pytest.approx((np.ptp(drawn[:, 0]) + 0.05) / (np.ptp(drawn[:, 1]) + 0.05), abs=0.15)
    y, x = ndimage.center_of_mass(field)
    assert abs(y - 13.75) <= 1 and abs(x - 13.75) <= 1


def uneven(name: str) -> Image.Image:
    """With a shadow over a part, a gradient and noise."""
    pixels = np.asarray(draw(name, 400), np.float64)
    shadow = np.where(np.arange(400) < 170, 1.0, 0.6) * np.linspace(1, 0.8, 400)[:, np.newaxis]
    noise = np.random.default_rng(0).normal(0, 4, pixels.shape)
    return Image.fromarray(np.clip(pixels * ndimage.uniform_filter(shadow, 40) + noise, 0, 255).astype(np.uint8))


def half_in_shadow(name: str) -> Image.Image:
    paper = Image.new("L", (2000, 1500), 230)
    paper.paste(draw(name, 500, pen=0.02), (150, 200))
    y, x = np.mgrid[:1500, :2000]
    light = np.where(x + y > 1700, 0.6, 1) * (0.7 + 0.3 * x / 2000)
    return Image.fromarray((np.asarray(paper) * light).astype(np.uint8))


def ruled(name: str) -> Image.Image:
    paper = draw(name, 400)
    for y in range(14, 400, 50):
        ImageDraw.Draw(paper).line([(0, y), (400, y)], 170, 2)
    return paper


def framed(name: str) -> Image.Image:
    """By the digit's own pen; the digit stands on it."""
    paper = page(("rectangle", (60, 40, 339, 317), 8), paper=draw(name, 400, pen=0.02))
    return paper.crop((55, 35, 345, 323))


def beside_a_strip(name: str) -> Image.Image:
    """A table or a finger that the camera caught along one edge, slanted as they are."""
    paper = Image.new("L", (400, 400), 230)
    paper.paste(draw(name), (60, 60))
    ImageDraw.Draw(paper).polygon([(400, 0), (400, 400), (380, 400), (360, 0)], fill=60)
    return paper.filter(ImageFilter.GaussianBlur(1))


def on_a_table(name: str) -> Image.Image:
    """The sheet lies in a corner of a table with a grain."""
    grain = 90 + 25 * np.sin(np.arange(800) / 7) + np.random.default_rng(0).normal(0, 5, (600, 800))
    page = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
    page.paste(230, (120, 120, 800, 600))
    page.paste(draw(name, 260), (360, 230))
    return page


CONDITIONS: dict[str, Callable[[str], Image.Image]] = {
    "small": lambda name: draw(name, 56, pen=0.06),
    "large, thin pen": lambda name: draw(name, 1500, pen=0.012),
    "thick pen": lambda name: draw(name, pen=0.065),
    "inverted": lambda name: draw(name, ink=240, paper=15),
    "low contrast": lambda name: draw(name, ink=150, paper=200),
    "blurred": lambda name: draw(name, 400).filter(ImageFilter.GaussianBlur(3)),
    "touching the border": lambda name: draw(name, 400).crop((ink_box(draw(name, 400))[0], 0, 400, 400)),
    "uneven light and noise": uneven,
    "ruled": ruled,
    "framed": framed,
    "half in shadow": half_in_shadow,
    "beside a strip": beside_a_strip,
    "on a table": on_a_table,
}


@pytest.mark.parametrize("name", ["open 4", "5 in two strokes"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_size_pen_light_paper_and_what_is_around_make_no_difference(condition: str, name: str) -> None:
    assert alike(plain(name), field_of(see(CONDITIONS[condition](name)))) > 0.85


@pytest.mark.parametrize("ink", [200, 220])
@pytest.mark.parametrize("name", ["open 4", "off-centre 8"])
def test_pale_ink_on_white_is_the_digit_and_not_the_paper_in_it(name: str, ink: int) -> None:
    found = see(draw(name, 400, ink=ink, paper=255))
    assert alike(plain(name), found.fields[0]) > 0.85
    assert found.warning in (None, DOUBTFUL)


def test_a_stroke_across_a_whole_small_drawing_is_the_digit_s_own() -> None:
    drawing = Image.new("L", (22, 32), 240)
    for stroke in ([(1, 1), (20, 1), (8, 30)], [(5, 15), (17, 15)]):
        ImageDraw.Draw(drawing).line(stroke, 20)
    spacious = Image.new("L", (66, 96), 240)
    spacious.paste(drawing, (22, 32))
    assert alike(field_of(see(spacious)), field_of(see(drawing))) > 0.9


@pytest.mark.parametrize(("shade", "softness"), [(0, 1), (0.4, 200)])
def test_a_blank_page_is_no_digit_also_with_a_shadow_across(shade: float, softness: int) -> None:
    y, x = np.mgrid[-200:200, -300:300]
    light = 1 - shade * np.clip((0.8 * y - 0.6 * x) / softness + 0.5, 0, 1)
    paper = 210 * light + np.random.default_rng(0).normal(0, 2, light.shape)
    found = see(Image.fromarray(paper.astype(np.uint8)))
    assert found.warning in ("no digit found", DOUBTFUL)
    assert not found.fields[0].any()


def test_every_file_mode_shows_the_same_digit(tmp_path: Path) -> None:
    gray = draw("7 with a bar")
    ink = Image.fromarray((255 - np.asarray(gray, np.uint16)).clip(0, 255).astype(np.uint8))
    clear_black, clear_white = (Image.new("RGBA", gray.size, (level, level, level, 0)) for level in (0, 255))
    for clear in (clear_black, clear_white):
        clear.putalpha(ink.point(lambda value: 0 if value < 40 else value))
    pictures = {
        "palette.png": gray.convert("P"),
        "one bit.png": gray.point(lambda value: 255 * (value > 128)).convert("1"),
        "sixteen bit.png": Image.fromarray(np.asarray(gray, np.uint16) * 257),
        "float.tiff": Image.fromarray(np.asarray(gray, np.float32) / 255),
        "cmyk.jpg": gray.convert("CMYK"),
        "gray and alpha.webp": gray.convert("LA"),
        "dark ink on transparent.png": clear_black,
        "light ink on transparent.png": clear_white,
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
        assert alike(plain("7 with a bar"), field_of(read(tmp_path / name))) > 0.9, name


@pytest.mark.parametrize(
    ("suffix", "options", "note"),
    [
        ("webp", {"exif": b"Exif\0\0no TIFF header"}, "unreadable EXIF data: taken to be upright"),
        ("gif", {"save_all": True, "append_images": [draw("1, very narrow")]}, "first of 2 frames"),
    ],
)
def test_what_is_not_read_of_a_file_is_noted(tmp_path: Path, suffix: str, options: Any, note: str) -> None:
    draw("7 with a bar").save(tmp_path / f"a.{suffix}", **options)
    found = read(tmp_path / f"a.{suffix}")
    assert found.note == note and alike(plain("7 with a bar"), field_of(found)) > 0.9


def drawn(name: str, size: float) -> Image.Image:
    """No larger than its ink."""
    picture = draw(name, round(140 * size))
    return picture.crop(ink_box(picture))


def written(names: list[str], gap: int, slope: float = 0, least: float = 1) -> Image.Image:
    """Digits from left to right on a page; gap: pixels between them; least: the last one's size, of the first's."""
    paper, x = Image.new("L", (900, 250), 230), 50
    for place, name in enumerate(names):
        ink = drawn(name, 1 - (1 - least) * place / max(1, len(names) - 1))
        paper.paste(ink, (x, round(75 + slope * x)))
        x += ink.width + gap
    return paper.crop((0, 0, x + 50, 250))


def underlined(gap: int, width: int) -> Image.Image:
    paper = written(NUMBER, 30)
    top = ink_box(paper)[3] - 1 + gap
    return page(("rectangle", (40, top, paper.width - 40, top + width), None), paper=paper)


def lit(paper: Image.Image, light: np.ndarray, inverted: bool = False) -> Image.Image:
    """Under light from the left to the right, and noisy."""
    noise = np.random.default_rng(0).normal(0, 2, (paper.height, paper.width))
    pixels = np.asarray(paper) * np.interp(np.linspace(0, 1, paper.width), np.linspace(0, 1, len(light)), light) + noise
    return Image.fromarray(abs(255 * inverted - pixels).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "picture",
    [
        written(NUMBER, 3),
        lit(written(NUMBER, 15, slope=0.1), np.array([1, 0.7])),
        lit(written(NUMBER, 15, slope=-0.1, least=0.7), np.array([1, 0.7]), inverted=True),
        lit(written(NUMBER, 30), np.repeat([1, 0.4], 100)),
        underlined(gap=4, width=7),
        underlined(gap=30, width=3),
    ],
    ids=["close", "rising", "falling", "half in the shade", "underlined closely", "underlined"],
)
def test_the_digits_of_a_number_are_those_that_they_are_alone(picture: Image.Image) -> None:
    found = see(picture)
    assert found.warning is None and len(found.fields) == len(NUMBER)
    for name, field in zip(NUMBER, found.fields, strict=True):
        assert alike(plain(name), field) > 0.85, name


ZERO = ("ellipse", (60, 35, 140, 165), 10)
POINT, MINUS = ("ellipse", (145, 150, 159, 164), None), ("line", (10, 120, 40, 120), 7)
PAGES: dict[str, tuple[Callable[[], Image.Image], int, int, str | None]] = {  # digits, other marks, and a warning
    "a bar": (lambda: page(("rectangle", (40, 30, 55, 120), None)), 1, 0, None),
    "one 0 above another": (lambda: page(*(("ellipse", (55, y, 95, y + 65), 9) for y in (40, 120))), 1, 1, None),
    "a speck in a 0": (lambda: page(ZERO, ("ellipse", (94, 94, 108, 108), None)), 1, 0, None),
    "a digit in a ring": (lambda: page(("ellipse", (10, 10, 190, 190), 4), paper=draw("open 4", 200)), 1, 1, None),
    "a digit in a frame": (lambda: page(("rectangle", (40, 20, 160, 180), 4), paper=draw("open 4", 200)), 1, 1, None),
    "too many": (lambda: written(["1, very narrow"] * 21, 20), 20, 1, TOO_LONG),
    "narrow ones of a height": (lambda: written(["1, very narrow", *NUMBER[:3]], 4), 4, 0, None),
    "a point and a minus": (lambda: page(POINT, MINUS, paper=written(["open 4", "7 with a bar"], 60)), 2, 1, None),
}


@pytest.mark.parametrize("name", PAGES)
def test_what_is_no_digit_of_the_row_is_passed_over(name: str) -> None:
    picture, count, others, warning = PAGES[name]
    found = see(picture())
    assert (len(found.boxes), len(found.passed_over), found.warning) == (count, others, warning)


GAPS = {"level": (0, 100, 200, 100), "slanted": (30, 180, 170, 20)}


@pytest.mark.parametrize("gap", GAPS)
def test_the_pieces_of_a_broken_digit_are_one_digit(gap: str) -> None:
    whole = field_of(see(page(ZERO)))
    broken = page(ZERO)
    ImageDraw.Draw(broken).line(GAPS[gap], 230, 7)
    found = see(broken)
    assert len(found.fields) == 1 and found.warning is None
    assert alike(whole, found.fields[0]) > 0.75


def test_digits_are_marked_in_colours_that_alternate_from_the_left() -> None:
    steps = see(written(["1, very narrow"] * 3, 30).resize((1200, 600))).steps
    assert steps["original"].shape == steps["found"].shape and max(steps["found"].shape) <= 800
    red, blue = ((steps["found"] == colour).all(axis=2) for colour in ((255, 0, 0), (0, 0, 255)))
    assert steps["original"][red | blue].mean() < 100
    columns, between = (np.nonzero(marked)[1] for marked in (red, blue))
    assert columns.min() < between.min() and between.max() < columns.max()


def test_boxes_are_in_pixels_of_the_whole_picture_turned_upright(tmp_path: Path) -> None:
    paper = Image.new("L", (3000, 2000), 230)
    page(("rectangle", (500, 400, 599, 1299), None), ("rectangle", (1200, 600, 1499, 1199), None), paper=paper)
    exif = Image.Exif()
    exif[274] = 6  # to be turned by 90 degrees clockwise
    paper.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.jpg", exif=exif)
    first, second = read(tmp_path / "a.jpg").boxes
    assert first == pytest.approx((500, 400, 100, 900), abs=12)
    assert second == pytest.approx((1200, 600, 300, 600), abs=12)


@pytest.mark.parametrize("size", [(805, 805), (1000, 667), (900, 1201), (1067, 1600)])
def test_no_box_reaches_beyond_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    strips = (width - 120, 550, width, 565), (500, height - 120, 515, height)
    digit = ("rectangle", (300, 200, 340, 500), None)
    found = see(page(digit, *(("rectangle", strip, None) for strip in strips), paper=Image.new("L", size, 230)))
    ends = [(box.x + box.width, box.y + box.height) for box in (*found.boxes, *found.passed_over)]
    assert max(ends)[0] == width and max(end[1] for end in ends) == height


def test_a_picture_gets_the_size_and_if_plain_the_colours_of_the_network(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[:50] = 255, 128, 0
    Image.fromarray(pixels).save(path)
    field = picture_sample(path, (20, 10, 3), "plain", Judge(sure, 0.5, 0.1)).fields[0]
    assert read(path, (56, 40)).fields[0].shape == (56, 40)
    assert field.shape == (20, 10, 3) and np.allclose(field[:9], (1, 128 / 255, 0), atol=1e-6)
    assert picture_sample(path, (20, 10, 1), "plain", Judge(sure, 0.5, 0.1)).fields[0][11:].max() < 0.01
    with pytest.raises(InputError, match=r"predict\.preprocessing = digit: .* must be plain for colour"):
        picture_sample(path, (20, 10, 3), "digit", Judge(sure, 0.5, 0.1))
    with pytest.raises(InputError, match=r"the network takes 2 channels, in the order of .*; must take 1 or 3"):
        picture_sample(path, (20, 10, 2), "plain", Judge(sure, 0.5, 0.1))


def test_a_folder_that_may_not_be_read_is_named_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: str) -> None:
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=f"{tmp_path}: permission denied"):
        find_pictures(tmp_path)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (Path.touch, "not a picture of a known kind"),
    # Pillow would hand PostScript, whatever its name, to Ghostscript.
    "script": (lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n"), "not a picture of a known kind"),
    "dot": (lambda path: Image.new("L", (1, 1)).save(path), "1x1 pixels are too few to hold a digit"),
    "bomb": (lambda path: path.write_bytes(b"P4 30000 30000 "), "has more than 64,000,000 pixels"),
    "pipe": (os.mkfifo, "is not a file"),
    "folder": (Path.mkdir, "is not a file"),
    "none": (lambda path: None, "no such file"),
}


@pytest.mark.parametrize("case", BAD)
def test_every_bad_file_is_one_line_that_names_it(tmp_path: Path, case: str) -> None:
    make, message = BAD[case]
    make(tmp_path / "a.png")
    with pytest.raises(InputError, match=rf"a\.png: {message}"):
        read(tmp_path / "a.png")
