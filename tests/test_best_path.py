"""A row of pieces is read in the way that a network is the most sure of."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from stages.digits.best_path import best_path
from stages.digits.pieces import Piece, find_row

UNSURE_BELOW = 0.4
WIDE, HIGH = 30, 60


def ink(*boxes: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """Boxes: top, left, bottom, right."""
    written = np.zeros((120, 300), bool)
    for top, left, bottom, right in boxes:
        written[top:bottom, left:right] = True
    return written


def knows_bars(pieces: Sequence[Piece]) -> NDArray[np.float32]:
    """A network that takes whatever is about 30 wide and 60 high for a digit, and nothing else."""
    off = [max(abs(piece.mask.shape[1] - WIDE), abs(len(piece.mask) - HIGH)) for piece in pieces]
    return np.array([0.95 if error <= 12 else 0.1 for error in off], np.float32)


def sure(pieces: Sequence[Piece]) -> NDArray[np.float32]:
    return np.ones(len(pieces), np.float32)


def read(written: NDArray[np.bool_], sureness: object = knows_bars, rate: float = 0.1) -> list[Piece]:
    row, _ = find_row(written, written)
    return best_path(row, sureness, UNSURE_BELOW, rate)  # type: ignore[arg-type]


DIGITS = ((30, 40, 90, 70), (30, 80, 90, 110), (30, 120, 90, 150))
BRIDGES = ((55, 70, 60, 80), (65, 110, 70, 120))


@pytest.mark.parametrize("count", [2, 3])
def test_digits_that_touch_are_cut_where_they_are_thin(count: int) -> None:
    written = ink(*DIGITS[:count], *BRIDGES[: count - 1])
    pieces = read(written)
    assert [piece.is_cut for piece in pieces] == [True] * count
    assert [piece.left + piece.mask.shape[1] / 2 for piece in pieces] == pytest.approx([55, 95, 135][:count], abs=7)
    assert sum(piece.mask.sum() for piece in pieces) == written.sum(), "no ink is lost"


def test_what_the_network_is_sure_of_is_not_cut() -> None:
    pieces = read(ink(*DIGITS, *BRIDGES), sure)
    assert [piece.is_cut for piece in pieces] == [False]


def test_a_network_that_takes_much_for_digits_cuts_less() -> None:
    pieces = read(ink(*DIGITS[:2], BRIDGES[0]), rate=0.9)
    assert [piece.is_cut for piece in pieces] == [False]


def test_cuts_that_cross_read_no_ink_twice() -> None:
    """A network that is unsure of wholes, and as good as any of parts: it takes whichever cuts there are."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        written = ndimage.binary_dilation(rng.random((40, 60)) < 0.02, iterations=4)
        row, _ = find_row(written, written)
        pieces = best_path(row, lambda pieces: rng.random(len(pieces)).astype(np.float32), 1.1, 0.0)
        read_times = np.zeros(written.shape, int)
        for piece in pieces:
            read_times[piece.box] += piece.mask
        assert read_times.max() == 1


def test_a_slanted_cut_goes_between_slanted_digits() -> None:
    rows, cols = np.indices((120, 300))
    written = np.zeros((120, 300), bool)
    for left in (60, 90):
        written |= (rows >= 30) & (rows < 90) & (abs(cols - left - (90 - rows) / 2) < 8)
    written[58:62, 60:120] = True
    knows = [0.1, 0.95]

    def sureness(pieces: Sequence[Piece]) -> NDArray[np.float32]:
        return np.array([knows[piece.mask.shape[1] <= 56] for piece in pieces], np.float32)

    assert len(read(written, sureness)) == 2


def test_two_parts_side_by_side_of_a_broken_digit_are_joined() -> None:
    pieces = read(ink((30, 40, 90, 53), (30, 58, 90, 70)))
    assert len(pieces) == 1 and pieces[0].mask.shape == (60, 30)


def test_digits_are_not_joined_where_the_network_knows_each() -> None:
    assert len(read(ink(*DIGITS))) == 3


def test_small_digits_in_a_large_frame_are_found() -> None:
    frame = ((0, 0, 4, 290), (110, 0, 114, 290), (0, 0, 114, 4), (0, 286, 114, 290))
    written = ink(*frame, (40, 100, 75, 106), (40, 130, 75, 136))
    row, others = find_row(written, written)
    assert [piece.left for piece in row] == [100, 130] and [len(piece.mask) for piece in others] == [114]


def test_a_small_part_belongs_to_the_digit_if_the_network_says_so() -> None:
    body, bar = (45, 40, 90, 70), (30, 40, 40, 70)
    assert not (piece := read(ink(body, bar))[0]).parts and len(piece.mask) == 60
    underlined = read(ink(DIGITS[0], (95, 40, 105, 70)))
    assert len(underlined[0].parts) == 1 and len(underlined[0].mask) == 60
