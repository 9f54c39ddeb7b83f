"""Any picture of a digit becomes what MNIST's authors would have made of it; any other file gets a clear line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from scipy import ndimage

from stages.pictures.digit import is_darker
from stages.pictures.sample import Sample, picture_sample
from stages.running.process import InputError
from tests.project import ROOT

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
        [
            (0.2, 0.15),
            (0.28, 0.08),
            (0.2, 0.02),
            (0.12, 0.08),
            (0.2, 0.15),
            (0.3, 0.24),
            (0.2, 0.32),
            (0.1, 0.24),
            (0.2, 0.15),
        ]
    ],
}
IN_PIECES = {"4 in two pieces": [[(0.4, 0.2), (0.3, 0.56), (0.5, 0.55)], [(0.62, 0.3), (0.6, 0.8)]]}


def draw(name: str, size: int = 280, pen: float = 0.05, ink: int = 30, paper: int = 230) -> Image.Image:
    """Draw a digit with a round pen, anti-aliased."""
    large = Image.new("L", (size * 2, size * 2), paper)
    canvas = ImageDraw.Draw(large)
    width = max(2, round(pen * size * 2))
    for stroke in (STROKES | IN_PIECES)[name]:
        points = [(x * size * 2, y * size * 2) for x, y in stroke]
        canvas.line(points, ink, width, "curve")
        for x, y in points:
            canvas.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), ink)
    return large.resize((size, size), Image.Resampling.LANCZOS)


def read(path: Path, size: tuple[int, int] = (28, 28)) -> Sample:
    return picture_sample(path, (*size, 1), "digit")


def field_of(picture: Image.Image, path: Path, exif: Image.Exif | None = None) -> np.ndarray:
    picture.save(path, exif=exif or Image.Exif())
    found = read(path)
    assert found.warning is None and len(found.fields) == 1, found.warning
    return found.fields[0]


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two fields, the second blurred a little and shifted by up to a pixel."""
    other = ndimage.uniform_filter(other, 3)
    one = ndimage.uniform_filter(one, 3)
    shifts = [np.roll(other, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return max(float(np.corrcoef(one.ravel(), shifted.ravel())[0, 1]) for shifted in shifts)


@pytest.mark.parametrize("name", STROKES)
def test_a_digit_fills_the_box_keeps_its_aspect_and_is_centred_by_mass(tmp_path: Path, name: str) -> None:
    field = field_of(draw(name), tmp_path / "a.png")
    assert field.shape == (28, 28) and field.dtype == np.float32 and field.min() == 0 and 0.8 < field.max() <= 1
    rows, cols = np.nonzero(field > 0.3)
    height, width = np.ptp(rows) + 1, np.ptp(cols) + 1
    assert 18 <= max(height, width) <= 20
    drawn = np.concatenate([np.array(stroke) for stroke in STROKES[name]])
    assert width / height == pytest.approx((np.ptp(drawn[:, 0]) + 0.05) / (np.ptp(drawn[:, 1]) + 0.05), abs=0.15)
    y, x = ndimage.center_of_mass(field)
    assert abs(y - 13.75) <= 1 and abs(x - 13.75) <= 1


@pytest.mark.parametrize("name", STROKES)
def test_size_polarity_pen_light_and_noise_make_no_difference_to_speak_of(tmp_path: Path, name: str) -> None:
    reference = field_of(draw(name), tmp_path / "a.png")
    rng = np.random.default_rng(0)
    plain = np.asarray(draw(name, 400), np.float64)
    shadow = np.where(np.arange(400) < 170, 1.0, 0.6) * np.linspace(1, 0.8, 400)[:, np.newaxis]
    noisy = np.clip(plain * ndimage.uniform_filter(shadow, 40) + rng.normal(0, 4, plain.shape), 0, 255)
    others = {
        "small": draw(name, 56, pen=0.06),
        "large, thin pen": draw(name, 1500, pen=0.012),
        "thick pen": draw(name, pen=0.065),
        "inverted": draw(name, ink=240, paper=15),
        "low contrast": draw(name, ink=150, paper=200),
        "uneven light and noise": Image.fromarray(noisy.astype(np.uint8)),
        "blurred": draw(name, 400).filter(ImageFilter.GaussianBlur(3)),
    }
    for condition, picture in others.items():
        if not (condition == "small" and name == "off-centre 8"):  # its rings close at a pen of that size
            assert alike(reference, field_of(picture, tmp_path / "b.png")) > 0.85, condition


@pytest.mark.parametrize("name", ["7 with a bar", "5 in two strokes"])
def test_ruled_lines_and_a_frame_are_not_the_digit(tmp_path: Path, name: str) -> None:
    reference = field_of(draw(name), tmp_path / "a.png")
    ruled = draw(name, 600)
    for y in range(20, 600, 75):
        ImageDraw.Draw(ruled).line([(0, y), (600, y)], 170, 2)
    framed = draw(name, 600)
    ImageDraw.Draw(framed).rectangle((3, 3, 596, 596), outline=40, width=4)
    for picture in (ruled, framed):
        assert alike(reference, field_of(picture, tmp_path / "b.png")) > 0.85


PIXELS: dict[str, tuple[tuple[int, int], list[list[tuple[int, int]]]]] = {  # the width and height, and the strokes
    "4": ((14, 20), [[(3, 1), (1, 12), (12, 12)], [(9, 3), (9, 18)]]),
    "4 with an upright of full height": ((20, 20), [[(11, 19), (11, 1), (2, 13), (15, 13)]]),
    "7 with a bar": ((22, 32), [[(1, 1), (20, 1), (8, 30)], [(5, 15), (17, 15)]]),
    "5 with level strokes": ((24, 36), [[(22, 1), (1, 1), (1, 17), (22, 17), (22, 34), (1, 34)]]),
    "2": ((32, 48), [[(1, 10), (8, 1), (24, 1), (30, 12), (24, 24), (1, 46), (30, 46)]]),
}


@pytest.mark.parametrize("name", PIXELS)
@pytest.mark.parametrize(("ink", "paper"), [(20, 240), (240, 10)])
def test_a_stroke_from_edge_to_edge_of_a_small_drawing_is_the_digit_s_own(
    tmp_path: Path, name: str, ink: int, paper: int
) -> None:
    size, strokes = PIXELS[name]
    drawing = Image.new("L", size, paper)
    for stroke in strokes:
        ImageDraw.Draw(drawing).line(stroke, ink)
    spacious = Image.new("L", (3 * size[0], 3 * size[1]), paper)
    spacious.paste(drawing, size)
    assert alike(field_of(spacious, tmp_path / "a.png"), field_of(drawing, tmp_path / "b.png")) > 0.9


def test_a_frame_drawn_with_the_digit_s_own_pen_is_not_the_digit(tmp_path: Path) -> None:
    picture = draw("open 4", 400, pen=0.02)
    reference = field_of(picture, tmp_path / "a.png")
    ImageDraw.Draw(picture).rectangle((60, 40, 339, 317), outline=30, width=8)  # the digit stands on it
    framed = picture.crop((55, 35, 345, 323))
    assert alike(reference, field_of(framed, tmp_path / "b.png")) > 0.85


@pytest.mark.parametrize("digit", "023456789")  # of most 1s the outline is that of a narrow 0, too
@pytest.mark.parametrize(("size", "line"), [(60, 1), (300, 4), (700, 25)])
def test_an_outlined_digit_is_read_as_the_digit_with_its_counters(
    tmp_path: Path, digit: str, size: int, line: int
) -> None:
    fields = []
    for inside in (30, 230):
        picture = Image.new("L", (size, size), 230)
        canvas, font, centre = ImageDraw.Draw(picture), ImageFont.load_default(0.9 * size), (size / 2, size / 2)
        canvas.text(centre, digit, inside, font, "mm", stroke_width=line, stroke_fill=30)
        fields.append(field_of(picture, tmp_path / "a.png"))
    assert alike(fields[0], fields[1]) > 0.99


@pytest.mark.parametrize("width", [60, 110, 180])
def test_a_ring_of_a_thin_pen_stays_a_ring(tmp_path: Path, width: int) -> None:
    ring = Image.new("L", (300, 300), 230)
    ImageDraw.Draw(ring).ellipse((150 - width / 2, 40, 150 + width / 2, 260), outline=30, width=6)
    assert field_of(ring, tmp_path / "a.png")[14, 13:15].max() < 0.1


@pytest.mark.parametrize("name", STROKES)
@pytest.mark.parametrize("side", [0, 90, 180, 270])
def test_a_dark_strip_along_one_edge_is_not_the_digit(tmp_path: Path, name: str, side: int) -> None:
    """A table or a finger that the camera caught, slanted as they are."""
    small = Image.new("L", (600, 600), 230)
    small.paste(draw(name, 420), (90, 90))
    reference = field_of(small, tmp_path / "a.png")
    turned = small.rotate(side)
    ImageDraw.Draw(turned).polygon([(0, 0), (600, 0), (600, 30), (0, 60)], fill=60)
    turned = turned.filter(ImageFilter.GaussianBlur(1))
    assert alike(reference, field_of(turned.rotate(-side), tmp_path / "b.png")) > 0.85


@pytest.mark.parametrize("angle", [0.3, 1.2, 2.5, 4.0, 5.5])
@pytest.mark.parametrize("softness", [2, 200])
def test_a_blank_page_with_a_shadow_across_is_never_a_digit_without_a_warning(
    tmp_path: Path, angle: float, softness: int
) -> None:
    y, x = np.mgrid[-200:200, -300:300]
    shadow = np.clip((x * np.cos(angle) + y * np.sin(angle)) / softness + 0.5, 0, 1)
    page = 210 * (1 - 0.4 * shadow) + np.random.default_rng(0).normal(0, 2, shadow.shape)
    Image.fromarray(page.astype(np.uint8)).save(tmp_path / "a.jpg", quality=90)
    assert read(tmp_path / "a.jpg").warning in ("no digit found", "this may not be a digit")


def test_a_page_half_in_shadow_is_not_taken_for_light_ink(tmp_path: Path) -> None:
    digit = draw("1, very narrow", 500, pen=0.02)
    page = Image.new("L", (2000, 1500), 230)
    page.paste(digit, (150, 200))
    y, x = np.mgrid[:1500, :2000]
    light = np.where(x + y > 1700, 0.6, 1) * (0.7 + 0.3 * x / 2000)
    shaded = Image.fromarray((np.asarray(page) * light).astype(np.uint8))
    assert alike(field_of(digit, tmp_path / "a.png"), field_of(shaded, tmp_path / "b.png")) > 0.85


@pytest.mark.parametrize("ink", [200, 210, 220])
@pytest.mark.parametrize("name", STROKES)
def test_pale_ink_on_white_is_the_digit_and_not_the_paper_that_it_encloses(tmp_path: Path, name: str, ink: int) -> None:
    draw(name, 400, ink=ink, paper=255).save(tmp_path / "pale.png")
    found = read(tmp_path / "pale.png")
    assert alike(field_of(draw(name, 400), tmp_path / "dark.png"), found.fields[0]) > 0.85
    assert found.warning in (None, "this may not be a digit")


def test_a_digit_that_touches_the_border_is_found(tmp_path: Path) -> None:
    whole = draw("7 with a bar", 400)
    _, columns = np.nonzero(np.asarray(whole) < 128)
    touching = whole.crop((int(columns.min()), 0, 400, 400))
    assert alike(field_of(whole, tmp_path / "a.png"), field_of(touching, tmp_path / "b.png")) > 0.9


def test_every_file_mode_shows_the_same_digit(tmp_path: Path) -> None:
    gray = draw("7 with a bar")
    reference = field_of(gray, tmp_path / "a.png")
    ink = Image.fromarray((255 - np.asarray(gray, np.uint16)).clip(0, 255).astype(np.uint8))
    clear_black, clear_white = (Image.new("RGBA", gray.size, (level, level, level, 0)) for level in (0, 255))
    for clear in (clear_black, clear_white):
        clear.putalpha(ink.point(lambda value: 0 if value < 40 else value))
    sixteen = Image.fromarray(np.asarray(gray, np.uint16) * 257)
    pictures = {
        "rgb.png": gray.convert("RGB"),
        "palette.png": gray.convert("P"),
        "one bit.png": gray.point(lambda value: 255 * (value > 128)).convert("1"),
        "sixteen bit.png": sixteen,
        "float.tiff": Image.fromarray(np.asarray(gray, np.float32) / 255),
        "cmyk.jpg": gray.convert("CMYK"),
        "gray and alpha.png": gray.convert("LA"),
        "dark ink on transparent.png": clear_black,
        "light ink on transparent.png": clear_white,
        "bitmap.bmp": gray,
        "web.webp": gray.convert("RGB"),
        "animation.gif": gray,
    }
    for name, picture in pictures.items():
        assert alike(reference, field_of(picture, tmp_path / name)) > 0.9, name


@pytest.mark.parametrize("suffix", ["png", "webp"])  # of a JPEG Pillow itself reads past them
def test_a_picture_with_unreadable_exif_is_read_with_a_note(tmp_path: Path, suffix: str) -> None:
    draw("7 with a bar").convert("RGB").save(tmp_path / f"a.{suffix}", exif=b"Exif\0\0no TIFF header")
    sample = read(tmp_path / f"a.{suffix}")
    assert sample.note == "unreadable EXIF data: taken to be upright" and sample.warning is None
    assert alike(field_of(draw("7 with a bar"), tmp_path / "b.png"), sample.fields[0]) > 0.95


def test_of_an_animation_the_first_frame_is_taken_with_a_note(tmp_path: Path) -> None:
    first, second = draw("7 with a bar"), draw("1, very narrow")
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    picture = read(tmp_path / "a.gif")
    assert picture.note == "first of 2 frames"
    assert alike(field_of(first, tmp_path / "b.png"), picture.fields[0]) > 0.9


def test_the_model_s_size_decides_the_field(tmp_path: Path) -> None:
    draw("7 with a bar").save(tmp_path / "a.png")
    field = read(tmp_path / "a.png", (56, 40)).fields[0]
    assert field.shape == (56, 40) and field.max() > 0.8


@pytest.mark.parametrize("paper", [0, 128, 255])
def test_a_blank_page_is_no_digit(tmp_path: Path, paper: int) -> None:
    rng = np.random.default_rng(1)
    grain = np.clip(paper + rng.normal(0, 3, (300, 300)), 0, 255).astype(np.uint8)
    for pixels in (np.full((300, 300), paper, np.uint8), grain):
        Image.fromarray(pixels).save(tmp_path / "a.png")
        picture = read(tmp_path / "a.png")
        assert picture.warning == "no digit found" and not picture.fields[0].any()


def written(names: list[str], gap: int, slope: float = 0, least: float = 1) -> Image.Image:
    """Digits from left to right on a page; gap: pixels between them; least: the last one's size, of the first's."""
    page, x = Image.new("L", (1600, 500), 230), 100
    for place, name in enumerate(names):
        size = 1 - (1 - least) * place / max(1, len(names) - 1)
        ink = draw(name, round(280 * size))
        left, top, right, bottom = ink.point(lambda value: 255 * (value < 200)).getbbox() or (0, 0, 0, 0)
        page.paste(ink.crop((left, top, right, bottom)), (x, round(150 + slope * x)))
        x += right - left + gap
    return page.crop((0, 0, x + 100, 500))


NUMBER = ["7 with a bar", "5 in two strokes", "1, very narrow", "open 4", "7 with a bar"]


@pytest.mark.parametrize(("gap", "slope", "least"), [(60, 0, 1), (5, 0, 1), (30, 0.1, 1), (30, -0.1, 0.7)])
@pytest.mark.parametrize(("dark", "light"), [(0, 0), (90, 255)])
def test_the_digits_of_a_number_are_those_that_they_are_alone_from_the_left(
    tmp_path: Path, gap: int, slope: float, least: float, dark: int, light: int
) -> None:
    page = np.asarray(written(NUMBER, gap, slope, least), float)
    noise = np.random.default_rng(0).normal(0, 2, page.shape)
    dimmed = page * np.linspace(1, 0.7, page.shape[1]) + noise if dark else page
    Image.fromarray(abs(light - dimmed).clip(0, 255).astype(np.uint8)).save(tmp_path / "a.png")
    found = read(tmp_path / "a.png")
    assert found.warning is None and len(found.fields) == len(NUMBER)
    for name, field in zip(NUMBER, found.fields, strict=True):
        assert alike(field_of(draw(name), tmp_path / "b.png"), field) > 0.85, name


@pytest.mark.parametrize("gap", [6, 25, 60])
@pytest.mark.parametrize("width", [6, 14])
def test_a_line_under_a_number_is_no_part_of_its_digits(tmp_path: Path, gap: int, width: int) -> None:
    page = written(NUMBER, 60)
    bottom = np.nonzero((np.asarray(page) < 100).any(axis=1))[0].max()
    ImageDraw.Draw(page).rectangle((80, bottom + gap, page.width - 80, bottom + gap + width), 30)
    page.save(tmp_path / "a.png")
    found = read(tmp_path / "a.png")
    assert found.warning is None and len(found.fields) == len(NUMBER)
    for name, field in zip(NUMBER, found.fields, strict=True):
        assert alike(field_of(draw(name), tmp_path / "b.png"), field) > 0.85, name


@pytest.mark.parametrize("name", ["1, very narrow", "open 4", "7 with a bar", "5 in two strokes"])
def test_a_digit_in_a_ring_may_be_no_digit(tmp_path: Path, name: str) -> None:
    page = Image.new("L", (600, 600), 230)
    page.paste(draw(name, 300), (150, 150))
    ImageDraw.Draw(page).ellipse((90, 90, 510, 510), outline=30, width=8)
    page.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").warning is not None


@pytest.mark.parametrize("blur", [2, 20])
@pytest.mark.parametrize("shade", [0.4, 0.7])
def test_digits_in_the_shade_of_a_sharp_edge_are_found_beside_those_in_the_light(
    tmp_path: Path, shade: float, blur: float
) -> None:
    page = np.asarray(written(NUMBER, 60), float)
    light = ndimage.gaussian_filter1d(np.where(np.arange(page.shape[1]) > 0.4 * page.shape[1], shade, 1), blur)
    Image.fromarray((page * light).astype(np.uint8)).save(tmp_path / "a.png")
    assert len(read(tmp_path / "a.png").fields) == len(NUMBER)


@pytest.mark.parametrize("side", [(120, 0), (120, 120)])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_table_with_a_grain_beside_the_sheet_is_left_out(
    tmp_path: Path, side: tuple[int, int], inverted: bool
) -> None:
    grain = 90 + 25 * np.sin(np.arange(800) / 7) + np.random.default_rng(0).normal(0, 5, (600, 800))
    page = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
    page.paste(230, (*side, 800, 600))
    page.paste(draw("5 in two strokes", 260), (300 + side[0] // 2, 170 + side[1] // 2))
    page = ImageOps.invert(page) if inverted else page
    assert alike(field_of(draw("5 in two strokes"), tmp_path / "a.png"), field_of(page, tmp_path / "b.png")) > 0.85


@pytest.mark.parametrize("shape", ["ellipse", "rectangle"])
def test_a_block_without_strokes_may_be_no_digit_but_a_bar_is_a_1(tmp_path: Path, shape: str) -> None:
    for right, warning in ((110, None), (200, "this may not be a digit")):
        page = Image.new("L", (500, 500), 230)
        getattr(ImageDraw.Draw(page), shape)((80, 60, right, 240), 30)
        page.save(tmp_path / "a.png")
        assert read(tmp_path / "a.png").warning == warning


def test_blocks_above_one_another_are_still_several_glyphs(tmp_path: Path) -> None:
    page = Image.new("L", (300, 500), 230)
    for top in (80, 260):
        ImageDraw.Draw(page).ellipse((90, top, 210, top + 130), 30)
    page.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").warning == "several separate glyphs"


def test_a_speck_in_a_0_is_no_digit_in_a_ring(tmp_path: Path) -> None:
    page = Image.new("L", (400, 400), 230)
    ImageDraw.Draw(page).ellipse((120, 70, 280, 330), outline=30, width=20)
    ImageDraw.Draw(page).ellipse((188, 188, 216, 216), 30)
    page.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").warning is None


def test_near_black_a_little_darker_is_not_darker() -> None:
    mask = np.eye(9, dtype=bool)
    for darker, lighter, expected in ((0.01, 0.04, False), (0.3, 0.33, False), (0.01, 0.06, True), (0.06, 0.01, False)):
        assert is_darker(np.where(mask, darker, lighter).astype(np.float32), mask) is expected


def test_neighbouring_digits_are_marked_in_different_colours(tmp_path: Path) -> None:
    written(["1, very narrow"] * 3, 60).save(tmp_path / "a.png")
    found = read(tmp_path / "a.png").steps["found"]
    columns = [np.nonzero((found == color).all(axis=2))[1] for color in ((255, 0, 0), (0, 0, 255))]
    assert columns[0].min() < columns[1].min() and columns[1].max() < columns[0].max()


def test_boxes_are_in_pixels_of_the_whole_picture_turned_upright(tmp_path: Path) -> None:
    page = Image.new("L", (3000, 2000), 230)
    ImageDraw.Draw(page).rectangle((500, 400, 599, 1299), 30)
    ImageDraw.Draw(page).rectangle((1200, 600, 1499, 1199), 30)
    exif = Image.Exif()
    exif[274] = 6  # to be turned by 90 degrees clockwise
    page.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.jpg", exif=exif)
    first, second = read(tmp_path / "a.jpg").boxes
    assert first == pytest.approx((500, 400, 100, 900), abs=12)
    assert second == pytest.approx((1200, 600, 300, 600), abs=12)


def broken(by: str) -> Image.Image:
    """A 0 of two or more pieces."""
    picture = Image.new("L", (400, 400), 230)
    pen = ImageDraw.Draw(picture)
    if by == "dotted":
        for angle in np.arange(0, 2 * np.pi, 0.25):
            x, y = 200 + 70 * np.sin(angle), 200 + 120 * np.cos(angle)
            pen.ellipse((x - 9, y - 9, x + 9, y + 9), 30)
        return picture
    pen.ellipse((120, 70, 280, 330), outline=30, width=20)
    pen.line({"level": (0, 200, 400, 200), "upright": (200, 0, 200, 400), "slanted": (100, 400, 300, 0)}[by], 230, 14)
    return picture


@pytest.mark.parametrize("by", ["level", "upright", "slanted", "dotted"])
def test_the_pieces_of_a_broken_digit_are_one_digit(tmp_path: Path, by: str) -> None:
    """Where they might as well be two digits, there is a warning."""
    broken(by).save(tmp_path / "a.png")
    found = read(tmp_path / "a.png")
    whole = Image.new("L", (400, 400), 230)
    ImageDraw.Draw(whole).ellipse((120, 70, 280, 330), outline=30, width=20)
    doubt = "several separate glyphs" if by in ("upright", "dotted") else None
    assert len(found.fields) == 1 and found.warning == doubt
    assert alike(field_of(whole, tmp_path / "b.png"), found.fields[0]) > 0.75


@pytest.mark.parametrize("others", [[], ["7 with a bar"], ["1, very narrow", "off-centre 8"]])
def test_two_pieces_that_make_a_digit_only_together_are_one_with_a_warning(tmp_path: Path, others: list[str]) -> None:
    """As the 4 of many hands, whose bar ends before its upright."""
    written(["4 in two pieces", *others], 60).save(tmp_path / "a.png")
    found = read(tmp_path / "a.png")
    assert found.warning == "two pieces are read as one digit" and len(found.fields) == 1 + len(others)
    assert alike(field_of(draw("open 4"), tmp_path / "b.png"), found.fields[0]) > 0.6


@pytest.mark.parametrize(
    ("names", "least"),
    [(["1, very narrow", "1, very narrow", "7 with a bar", "open 4"], 1), (["open 4", "7 with a bar"], 0.75)],
)
def test_narrow_digits_of_one_height_and_wide_ones_of_two_are_several_however_close(
    tmp_path: Path, names: list[str], least: float
) -> None:
    written(names, 8, least=least).save(tmp_path / "a.png")
    found = read(tmp_path / "a.png")
    assert found.warning is None and len(found.fields) == len(names)


@pytest.mark.parametrize("small", [0.3, 0.4, 0.48])
@pytest.mark.parametrize("name", ["7 with a bar", "1, very narrow", "open 4"])
def test_a_digit_beside_others_of_twice_its_height_is_warned_of(tmp_path: Path, name: str, small: float) -> None:
    page = Image.new("L", (700, 400), 230)
    for left, other, size in ((40, "open 4", 280), (250, name, round(280 * small)), (400, "7 with a bar", 280)):
        ink = draw(other, size)
        box = ink.point(lambda value: 255 * (value < 200)).getbbox() or (0, 0, 0, 0)
        page.paste(ink.crop(box), (left, 300 - (box[3] - box[1])))
    page.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").warning == "a smaller glyph is not read by itself"


def test_points_and_a_minus_sign_are_passed_over(tmp_path: Path) -> None:
    page = written(["open 4", "7 with a bar"], 120)
    pen = ImageDraw.Draw(page)
    pen.ellipse((290, 300, 318, 328), 30)
    pen.line((20, 240, 80, 240), 30, 14)
    page.save(tmp_path / "a.png")
    found = read(tmp_path / "a.png")
    assert found.warning is None and len(found.fields) == 2


@pytest.mark.parametrize("gap", [30, 60])
def test_digits_of_two_lines_are_warned_of(tmp_path: Path, gap: int) -> None:
    picture = Image.new("L", (300, 500), 230)
    pen = ImageDraw.Draw(picture)
    for top in (80, 210 + gap):
        pen.ellipse((110, top, 190, top + 130), outline=30, width=18)
    picture.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").warning == "several separate glyphs"


def test_digits_that_are_no_row_or_too_many_are_warned_of(tmp_path: Path) -> None:
    line = written(["7 with a bar", "open 4"], 60)
    lines = Image.new("L", (line.width, 800), 230)
    lines.paste(line, (0, 0))
    lines.paste(line, (0, 300))
    for picture in (lines, written(["1, very narrow"] * 21, 40)):
        picture.save(tmp_path / "a.png")
        found = read(tmp_path / "a.png")
        assert found.warning == "several separate glyphs" and len(found.fields) == 1 and found.boxes == []


def test_what_was_found_is_marked_in_the_picture_shown(tmp_path: Path) -> None:
    draw("7 with a bar", 2000).save(tmp_path / "a.png")
    picture = read(tmp_path / "a.png")
    original, found = picture.steps["original"], picture.steps["found"]
    assert original.shape == found.shape and max(original.shape) <= 800
    red = (found == (255, 0, 0)).all(axis=2)
    assert 0.01 < red.mean() < 0.2 and original[red].mean() < 100


def test_plain_preprocessing_only_resizes(tmp_path: Path) -> None:
    pixels = np.zeros((100, 100), np.uint8)
    pixels[:50] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    field = picture_sample(tmp_path / "a.png", (20, 10, 1), "plain").fields[0]
    assert field.shape == (20, 10) and field[:9].min() > 0.99 and field[11:].max() < 0.01


def test_plain_preprocessing_keeps_the_colours_for_a_network_that_takes_them(tmp_path: Path) -> None:
    Image.new("RGB", (100, 60), (255, 128, 0)).save(tmp_path / "a.png")
    field = picture_sample(tmp_path / "a.png", (20, 10, 3), "plain").fields[0]
    assert field.shape == (20, 10, 3) and np.allclose(field, (1, 128 / 255, 0), atol=1e-6)
    with pytest.raises(InputError, match=r"predict\.preprocessing = digit: .* must be plain for colour"):
        picture_sample(tmp_path / "a.png", (20, 10, 3), "digit")
    with pytest.raises(InputError, match=r"the network takes 2 channels, in the order of .*; must take 1 or 3"):
        picture_sample(tmp_path / "a.png", (20, 10, 2), "plain")


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="needs a user with limits")
def test_a_folder_that_may_not_be_read_is_named_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "d/in").mkdir(parents=True)
    draw("7 with a bar").save(tmp_path / "d/a.png")
    (tmp_path / "d/in").chmod(0)
    code = "import sys, pathlib, stages.pictures.reading as r; r.find_pictures(pathlib.Path(sys.argv[1]))"
    mortal = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    for folder in ("d", "d/in"):
        command = [*mortal, sys.executable, "-c", code, folder]
        ended = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        assert ended.stderr.endswith("InputError: d/in: permission denied\n")


def bad_files(folder: Path) -> dict[str, bytes]:
    draw("7 with a bar").save(folder / "good.png")
    draw("7 with a bar").convert("RGB").save(folder / "good.jpg")
    png, jpg = (folder / "good.png").read_bytes(), (folder / "good.jpg").read_bytes()
    Image.new("1", (30_000, 30_000)).save(folder / "bomb.png")
    Image.new("L", (1, 1)).save(folder / "dot.png")
    return {
        "empty.png": b"",
        "text.png": b"not a picture",
        "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "half.png": png[: len(png) // 2],
        "half.jpg": jpg[: len(jpg) // 2],
        "header.png": png[:40],
        "bomb.png": (folder / "bomb.png").read_bytes(),
        "dot.png": (folder / "dot.png").read_bytes(),
    }


def test_every_bad_file_is_one_line_that_names_it(tmp_path: Path) -> None:
    for name, content in bad_files(tmp_path).items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name.replace(".", r"\.")) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)
    for name in ("none.png", "."):
        with pytest.raises(InputError):
            read(tmp_path / name)


def test_a_picture_s_content_never_chooses_a_program_to_run(tmp_path: Path) -> None:
    """Pillow would hand PostScript, whatever its name, to Ghostscript."""
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n")
    with pytest.raises(InputError, match=r"a\.png: not a picture of a known kind"):
        read(tmp_path / "a.png")


def test_flipped_bytes_never_end_in_a_traceback(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    picture = draw("7 with a bar", 60).convert("RGB")
    for suffix in ("png", "jpg", "gif", "bmp", "tiff", "webp"):
        picture.save(tmp_path / f"a.{suffix}")
        content = np.frombuffer((tmp_path / f"a.{suffix}").read_bytes(), np.uint8)
        for _ in range(25):
            damaged = content.copy()
            damaged[rng.integers(len(content), size=3)] = rng.integers(256, size=3)
            (tmp_path / f"b.{suffix}").write_bytes(damaged.tobytes())
            try:
                assert read(tmp_path / f"b.{suffix}").fields[0].shape == (28, 28)
            except InputError as error:
                assert f"b.{suffix}" in str(error)


def test_a_pipe_under_a_picture_s_name_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: is not a file"):
        read(tmp_path / "a.png")
