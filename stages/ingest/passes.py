"""The two passes over picture files: first their headers, for size and channels, then their pixels."""

import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from tqdm import tqdm

from stages.ingest.layout import Picture
from stages.ingest.parameters import Data
from stages.ingest.raw import some
from stages.picture_files.pixels import read_header, read_pixels
from stages.running.process import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH = 16  # pictures a thread takes at a time: for tiny ones, handing over costs as much as decoding
BATCH_BYTES = 1 << 20  # of pixels in a batch at most, or one picture
AHEAD = 2  # batches per core that are decoded in advance and held in memory
MOST_THREADS = 16  # each may hold a picture of MOST_PIXELS, some 0.3 GB


@dataclass
class Passes:
    """The passes over the pictures of a source, and notes on single pictures.

    Attributes:
        unreadable: a message for each picture that could not be read.
        animated: paths of pictures with several frames.
        without_exif: paths of pictures whose EXIF data could not be read.
    """

    source: Path
    data: Data
    unreadable: list[str] = field(default_factory=list)
    animated: list[str] = field(default_factory=list)
    without_exif: list[str] = field(default_factory=list)

    def survey(self, pictures: Sequence[Picture]) -> tuple[list[Picture], int, int]:
        """Read the headers of `pictures`.

        Returns:
            The pictures with a readable header, the number of channels, and the bytes of pixels per picture.

        Raises:
            InputError: none is readable, or their sizes differ, even if they are turned.
        """
        readable = []
        sides: dict[tuple[int, int], str] = {}
        all_gray = True
        for picture, header in self._readable(read_header, pictures, BATCH, "headers"):
            readable.append(picture)
            sides.setdefault(header.sides, picture.path)
            all_gray &= header.is_gray
            if header.is_animated:
                self.animated.append(picture.path)
        if not readable:
            raise InputError(*self.unreadable)
        if self.data.image_size is None:
            _check_one_size(self.source, sides)
        channels = self.data.channels or (1 if all_gray else 3)
        return readable, channels, math.prod(self.data.image_size or next(iter(sides))) * channels

    def decode(
        self, pictures: Sequence[Picture], channels: int, row_bytes: int, rows: IO[bytes]
    ) -> tuple[list[Picture], list[bytes], tuple[int, int]]:
        """Write the pixels of `pictures`, `row_bytes` for each, to the file `rows`, one after another.

        Returns:
            The decoded pictures, the hashes of their pixels, and the (rows, cols) of each.

        Raises:
            InputError: a picture is unreadable, here or in the survey, and must not be left out; or none is left; or
                the sizes of upright pictures differ.
        """
        decoded, digests = [], []
        sizes: dict[tuple[int, int], str] = {}
        read = partial(read_pixels, channels=channels, size=self.data.image_size)
        batch = min(BATCH, 1 + BATCH_BYTES // row_bytes)
        for picture, pixels in self._readable(read, pictures, batch, "pictures"):
            rows.write(pixels.content)
            decoded.append(picture)
            digests.append(pixels.digest)
            sizes.setdefault(pixels.size, picture.path)
            if pixels.note:
                self.without_exif.append(picture.path)
        if self.unreadable and (self.data.unreadable_pictures == "error" or not decoded):
            raise InputError(*self.unreadable)
        rows.flush()
        return decoded, digests, _check_one_size(self.source, sizes)

    def _readable(
        self, read: Callable[[Path], Result], pictures: Sequence[Picture], batch: int, what: str
    ) -> Iterator[tuple[Picture, Result]]:
        """Yield each readable picture with its result; add messages on others to `unreadable`."""

        def attempt(picture: Picture) -> Result | InputError:
            try:
                return read(Path(picture.path))
            except InputError as error:
                return error

        results = map_in_threads(attempt, pictures, batch)
        with tqdm(pictures, f"reading {what}", unit="", unit_scale=True, leave=False, disable=None) as bar:
            for picture, result in zip(bar, results, strict=True):
                if isinstance(result, InputError):
                    self.unreadable.append(str(result))
                else:
                    yield picture, result

    def notes(self) -> list[str]:
        """A line for each unreadable picture left out, and for each other finding."""
        notes = [f"left out: {message}" for message in self.unreadable]
        if self.animated:
            notes.append(f"of several frames, the first was taken: {some(self.animated)}")
        if self.without_exif:
            notes.append(f"unreadable EXIF data, taken to be upright: {some(self.without_exif)}")
        return notes


def map_in_threads(function: Callable[[Item], Result], items: Sequence[Item], batch: int) -> Iterator[Result]:
    """Yield function(item) for each of `items`, in order, from threads that work a few batches ahead.

    Threads are enough, since Pillow decodes without Python's lock; processes could outlive this one.
    """
    cores = min(MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    batches = (items[start : start + batch] for start in range(0, len(items), batch))
    pool = ThreadPoolExecutor(cores)

    def work(items: Sequence[Item]) -> list[Result]:
        return [function(item) for item in items]

    try:
        waiting = deque(pool.submit(work, items) for items in itertools.islice(batches, AHEAD * cores))
        while waiting:
            yield from waiting.popleft().result()
            waiting.extend(pool.submit(work, items) for items in itertools.islice(batches, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def _check_one_size(source: Path, sizes: Mapping[tuple[int, int], str]) -> tuple[int, int]:
    if len(sizes) > 1:
        such = " and ".join(f"{a}x{b} ({path})" for (a, b), path in list(sizes.items())[:2])
        raise InputError(f"{source}: pictures of several sizes, {such}; set data.image_size to resize them to one")
    return next(iter(sizes))
