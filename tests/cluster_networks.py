"""Train a network of test_networks.py in the processes of TF_CONFIG, and print a digest of its variables.

Run by test_cluster.py: python -m tests.cluster_networks SHARDS NETWORK
"""

import contextlib
import hashlib
import io
import sys
from typing import Any

from stages.cluster.cluster import cluster_from_environment
from stages.network.runtime import start_tensorflow

RECIPE: dict[str, Any] = {
    **{"seed": 1, "epochs": 9, "early_stopping": 1, "batch_size": 16, "learning_rate": 0.1, "schedule": "cosine"},
    **{"validation_split": 0.2, "augmentation": {"rotation": 20, "shear": 0, "zoom": 0, "shift": 1}, "outliers": 0.3},
}


def main() -> None:
    cluster = cluster_from_environment(16)
    start_tensorflow("avx2", "cpu", cluster.join if cluster.size > 1 else None)
    import keras

    from stages.train.loop import Training
    from stages.train.parameters import Train
    from tests import test_networks
    from tests.project import section

    shards, name = sys.argv[1:]
    keras.utils.set_random_seed(1)
    network = getattr(test_networks, name)()
    train = section(Train, **RECIPE, shards=int(shards))  # 18 rows: a last batch of 2 leaves some empty
    training = Training(network, test_networks.IMAGES, test_networks.LABELS, train, cluster)
    with contextlib.redirect_stdout(io.StringIO()):  # the progress
        *_, history = training.run(None)
    content = b"".join(variable.numpy().tobytes() for variable in training.variables) + repr(history).encode()
    print(len(history), hashlib.md5(content).hexdigest())
    cluster.finish()


if __name__ == "__main__":
    main()
