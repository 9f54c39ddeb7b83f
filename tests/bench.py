"""Speed and memory beside plain Keras: `make bench` prints ratios of runs that alternate, never bare times.

Noise only ever adds time, so the fastest of many is compared; the spread over the pairs tells how noisy it was.
"""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PREPARED = [str(ROOT / "data/prepared/x_train.npy"), str(ROOT / "data/prepared/y_train.npy")]


class Epochs:
    """A process that trains for one epoch when asked, and tells the seconds."""

    def __init__(self, *command: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )

    def run(self) -> float:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        raise RuntimeError("the training process ended before its epoch")

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def alternate(ours: Epochs, plain: Epochs, rounds: int) -> tuple[list[float], list[float]]:
    """Run both in turn; the first round of each, which builds graphs, does not count."""
    pairs = [(ours.run(), plain.run()) for _ in range(rounds + 1)][1:]
    ours.end()
    plain.end()
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def print_ratio(name: str, ours: list[float], plain: list[float], target: str) -> None:
    ratios = sorted(b / a for a, b in zip(ours, plain, strict=True))
    print(
        f"{name:<34} {min(plain) / min(ours):5.2f}x   target {target:<14} pairs {ratios[0]:.2f} to {ratios[-1]:.2f}, "
        f"fastest {min(ours):.2f} s against {min(plain):.2f} s",
        flush=True,
    )


def our_epochs(instruction_set: str) -> None:
    """The process behind `Epochs`: our training, the default recipe."""
    import stages  # noqa: F401  (pins the environment)
    from stages.params import PARAMS_FILE, Params, flatten, load
    from stages.runtime import start_tensorflow

    start_tensorflow(instruction_set, "cpu")

    from stages.network import build_network
    from stages.prepared import open_prepared
    from stages.training import Training

    images, labels = open_prepared(*map(Path, PREPARED))
    params = Params(flatten(load(PARAMS_FILE)))
    model = {key.removeprefix("model."): params[key] for key in params if key.startswith("model.")}
    train = {key.removeprefix("train."): params[key] for key in params if key.startswith("train.")}
    train.pop("epochs")
    training = Training(build_network(images.shape[1:], "channels_last", 10, **model), images, labels, **train)
    for epoch, _ in enumerate(sys.stdin, 1):
        start = time.perf_counter()
        training.run_epoch(epoch)
        print("seconds", time.perf_counter() - start, flush=True)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for instruction_set, target in (("native", "at least 1.15"), ("avx2", "at least 1.0")):
        ours = Epochs("-m", "tests.bench", "--epochs", instruction_set)
        plain = Epochs("tests/plain_keras.py", "epochs", *PREPARED)
        print_ratio(f"training throughput, {instruction_set}", *alternate(ours, plain, rounds), target)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--epochs"]:
        our_epochs(sys.argv[2])
    else:
        main()
