"""Read a row of pieces: of all ways to cut and join them, find the one with the highest confidence.

Over-segmentation and a best path: LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document
recognition, 1998, section V.
"""

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.digits.pieces import Piece, are_parts, cut_out, cuts, join

LENGTH = 0.3  # of the confidence: what a cut costs per piece height of its length
WITHOUT = 0.4  # of the confidence: what is left if small parts near a digit are not read
LOW = 0.5  # of a piece's height: no digit in it is lower
NOTHING = 0.1  # the least confidence that counts, so that all pieces unknown to the network are equally good


class Edge(NamedTuple):
    """A step of a way to read the row, from one place to another, over a piece.

    worth: a factor on the network's confidence in it.
    """

    start: int
    stop: int
    piece: Piece
    worth: float


def best_path(
    row: Sequence[Piece],
    sureness: Callable[[Sequence[Piece]], NDArray[np.float32]],
    unsure_below: float,
    false_positive_rate: float,
) -> list[Piece]:
    """The pieces of a row as they are read, from the left; pieces that still have parts are read without them.

    Args:
        sureness: pieces to the network's confidence in each, in [0, 1].
        unsure_below: a piece with at least this confidence is not cut.
        false_positive_rate: share of non-digits that the network takes for digits: the higher it is, the more a cut
            costs, since cuts make parts of digits.
    """
    whole = [join(piece, *piece.parts) for piece in row]
    edges, places = [], [0]
    cut_worth = 1 - false_positive_rate
    for piece, joined, sure in zip(row, whole, sureness(whole), strict=True):
        ways = [Edge(0, 1, joined, 1.0)] if sure >= unsure_below else ways_to_read(piece, joined, cut_worth)
        edges += [edge._replace(start=places[-1] + edge.start, stop=places[-1] + edge.stop) for edge in ways]
        places.append(edges[-1].stop)
    for k, (left, right) in enumerate(pairwise(whole)):
        if are_parts(left, right):
            edges.append(Edge(places[k], places[k + 2], join(left, right), 1.0))
    best: list[tuple[float, list[Piece]]] = [(1.0, []), *[(0.0, [])] * places[-1]]
    sure_of = sureness([edge.piece for edge in edges])
    for edge, sure in sorted(zip(edges, sure_of, strict=True), key=lambda pair: pair[0].stop):
        value, before = best[edge.start]
        if (value := value * edge.worth * max(float(sure), NOTHING)) > best[edge.stop][0]:
            best[edge.stop] = value, [*before, edge.piece]
    return best[-1][1]


def ways_to_read(piece: Piece, joined: Piece, cut_worth: float) -> list[Edge]:
    """A piece with and without its parts, and each part of it between two cuts; the whole piece last.

    Args:
        cut_worth: the factor of a cut on the confidence in the pieces on its two sides.
    """
    cut_places = cuts(joined)
    worths = [1.0, *(max(0.0, cut_worth - LENGTH * length) for _, length in cut_places), 1.0]
    lefts = [np.zeros_like(joined.mask), *(left for left, _ in cut_places), joined.mask]
    edges = []
    for start, stop in combinations(range(len(lefts)), 2):
        mask = lefts[stop] & ~lefts[start]
        is_part, is_ordered = stop - start < len(lefts) - 1, (lefts[start] <= lefts[stop]).all()  # slanted cuts cross
        if is_part and is_ordered and mask.any(axis=1).sum() >= LOW * len(mask):
            edges.append(Edge(start, stop, cut_out(joined, mask), worths[start] * worths[stop]))
    if piece.parts:
        edges.append(Edge(0, len(lefts) - 1, piece, WITHOUT))
    return [*edges, Edge(0, len(lefts) - 1, joined, 1.0)]
