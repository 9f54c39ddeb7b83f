"""How much two seeds of the default recipe differ, on the test images: what the gate's level is chosen by.

    python -m tests.bench_seeds

trains sixteen, half a minute each, in two eights: one to choose the level on, one to check it.
"""

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import combinations, permutations

from msgspec import convert

from stages.network.parameters import Model
from stages.network.runtime import start_tensorflow
from stages.running.params import PARAMS_FILE, load
from stages.train.parameters import Train
from tests.project import ROOT

start_tensorflow("avx2", "cpu")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from stages.arrays.npy import open_array  # noqa: E402
from stages.commands.comparison.pairs import Pairs, p_value  # noqa: E402
from stages.network.architecture import build_network  # noqa: E402
from stages.network.inference import predict_probabilities  # noqa: E402
from stages.train.loop import Training  # noqa: E402

CHOSEN_ON, CHECKED_ON = (1998, 1, 2, 3, 4, 5, 6, 7), (8, 9, 10, 11, 12, 13, 14, 15)


def train(seed: int) -> NDArray[np.bool_]:
    """Which test images a model of this seed gets right."""
    params = load(ROOT / PARAMS_FILE)
    images, labels = (open_array(ROOT / f"data/prepared/train/{name}.npy") for name in ("images", "labels"))
    keras.utils.set_random_seed(seed)
    network = build_network(images.shape[1:], labels.shape[1], convert(params["model"], Model))
    training = Training(network, images, labels, convert({**params["train"], "seed": seed}, Train))
    with redirect_stdout(StringIO()):
        list(training.run(None))
    images, answers = (open_array(ROOT / f"data/prepared/test/{name}.npy") for name in ("images", "labels"))
    right: NDArray[np.bool_] = predict_probabilities(training.forward, images).argmax(axis=1) == answers.argmax(axis=1)
    print(f"seed {seed}: {right.mean():.4f}", flush=True)
    return right


def pair(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> Pairs:
    return Pairs(*(int(both.sum()) for both in (a & b, a & ~b, ~a & b, ~a & ~b)))


def show(seeds: Sequence[int], right: dict[int, NDArray[np.bool_]], level: float) -> None:
    """Print how many of the pairs differ, and in how many the gate would stay shut, by which seed."""
    differing = sum(pair(right[a], right[b]).is_significant for a, b in combinations(seeds, 2))
    shut = [b for a, b in permutations(seeds, 2) if pair(right[a], right[b]).worse_p <= level]
    print(f"seeds {', '.join(map(str, seeds))}: {differing} of {len(seeds) * (len(seeds) - 1) // 2} pairs differ")
    by = ", ".join(f"{shut.count(seed)} by seed {seed}" for seed in sorted({*shut}))
    print(f"  the gate stays shut for {len(shut)} of {len(seeds) * (len(seeds) - 1)} changes of seed ({by})")


def main() -> None:
    level = load(ROOT / PARAMS_FILE)["gate"]["level"]
    right = {seed: train(seed) for seed in (*CHOSEN_ON, *CHECKED_ON)}
    show(CHOSEN_ON, right, level)
    show(CHECKED_ON, right, level)
    alone = [pair(right[a], right[b]) for a, b in combinations(right, 2)]
    n = round(float(np.mean([pairs.only_a + pairs.only_b for pairs in alone])))
    lost = next(lost for lost in range(n + 1) if Pairs(0, lost, n - lost, 0).worse_p <= level)
    caught = Pairs(0, lost, n - lost, 0)
    loss = (2 * lost - n) / len(right[1998])
    print(f"of {n} images that one of two gets right: a loss of {loss:.4f} is caught, p {p_value(caught.worse_p)}")


if __name__ == "__main__":
    main()
