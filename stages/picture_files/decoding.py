"""Open picture files: only raster formats, only sizes that fit into memory; each failure is one clear line."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from stages.running.process import InputError, reason

MOST_PIXELS = 64_000_000  # a progressive JPEG of this size takes 380 MB to decode, an RGB picture 260 MB
FORMATS = (  # only raster: Pillow goes by content, and would pass an EPS named .png to Ghostscript
    *("AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF"),
    *("WEBP", "XBM"),
)
UNREADABLE = {".svg", ".heic", ".heif", ".eps"}  # other pictures: reported, also in a folder


def picture_suffixes() -> set[str]:
    """The suffixes, in lower case, of files that are meant to be pictures, readable or not."""
    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS} | UNREADABLE


@contextmanager
def strict_warnings() -> Iterator[None]:
    """Silence Pillow's warnings on damaged tags; turn its warning on too large pictures into an error.

    It holds for all threads, so enter it before they start and leave it when they have ended.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture file and read only its header; use it within `strict_warnings`.

    Raises:
        InputError: it is no picture, too large, or damaged; also if this shows in the block that decodes it.
    """
    if not path.is_file():  # a pipe would block
        raise InputError(f"{path}: {'is not a file' if path.exists() else 'no such file'}")
    try:
        # Given a path, Pillow would map a TIFF into memory, and could not turn it upright there.
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(path)
            yield image
    except (InputError, MemoryError):  # lack of memory is not the picture's fault
        raise
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a picture of a known kind (save it as PNG or JPEG)") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _too_large(path) from None
    except Exception as error:  # damaged files raise a dozen types in Pillow's decoders
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"{path}: {error.strerror.lower()}") from None
        raise InputError(f"{path}: damaged picture ({reason(error)})") from None


def _too_large(path: Path) -> InputError:
    return InputError(f"{path}: has more than {MOST_PIXELS:,} pixels; make it smaller first")


def turn_upright(pixels: Image.Image, decoded: Image.Image) -> str | None:
    """Turn `pixels`, made from the picture `decoded`, by its EXIF data; return a note if these are unreadable.

    Decode first: EXIF data may follow a PNG's pixels, and Pillow turns a TIFF while it decodes.
    """
    try:
        orientation = decoded.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # the parser may raise anything
        return "unreadable EXIF data: taken to be upright"
    pixels.info = {}  # EXIF data that it copied
    pixels.getexif()[ExifTags.Base.Orientation] = orientation
    ImageOps.exif_transpose(pixels, in_place=True)
    return None
