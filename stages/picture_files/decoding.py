"""Opening picture files: raster formats alone, of a size that memory holds, with one clear line for each that fails."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from stages.running.process import InputError, reason

MOST_PIXELS = 64_000_000  # a progressive JPEG of so many takes 380 MB to decode, an RGB picture 260 MB
FORMATS = (  # of pixels alone: by its content Pillow would also hand an EPS called .png to Ghostscript
    *("AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF"),
    *("WEBP", "XBM"),
)
UNREADABLE = {".svg", ".heic", ".heif", ".eps"}  # other pictures: in a folder, too, they are reported


def picture_suffixes() -> set[str]:
    """The suffixes, in lower case, of files that are meant to be pictures, readable or not."""
    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS} | UNREADABLE


@contextmanager
def strict_warnings() -> Iterator[None]:
    """Hush what Pillow warns of in damaged tags, and have a picture too large for memory be an error.

    It holds for all threads, so enter it before they start and leave it when they have ended.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture file, of which only the header is read; use it within `strict_warnings`.

    Raises:
        InputError: it is no picture, or too large, or damaged, whether on opening or in the block that decodes it.
    """
    if not path.is_file():  # a pipe would be waited for
        raise InputError(f"{path}: {'is not a file' if path.exists() else 'no such file'}")
    try:
        # By the name, Pillow would map a TIFF into memory, and turn upright what it cannot turn there.
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(path)
            yield image
    except (InputError, MemoryError):  # no memory is no property of the picture
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
    """Turn `pixels`, made of the picture `decoded`, as its EXIF data say; a note, or None, if these are unreadable.

    Decoded it must be: EXIF data may follow a PNG's pixels, and Pillow turns a TIFF as it decodes it.
    """
    try:
        orientation = decoded.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # whatever the parser stumbles over
        return "unreadable EXIF data: taken to be upright"
    pixels.info = {}  # what it took over of them
    pixels.getexif()[ExifTags.Base.Orientation] = orientation
    ImageOps.exif_transpose(pixels, in_place=True)
    return None
