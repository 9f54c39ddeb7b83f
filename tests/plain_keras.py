"""The baseline of the benchmark: the same CNN on the same arrays in plain Keras, as a tutorial writes it.

python tests/plain_keras.py train DATA MODEL     the two scripts of the tutorial,
python tests/plain_keras.py predict DATA MODEL   reading the .npy files in the folder DATA
python tests/plain_keras.py epochs IMAGES LABELS an epoch for each line on stdin, answered by its seconds
"""

import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers


def build() -> Any:
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(16, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
            layers.Activation("softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def load(data: Path) -> list[Any]:
    arrays = []
    for name in ("train", "test"):
        arrays.append(np.load(data / f"x_{name}.npy").reshape(-1, 28, 28, 1) / 255.0)
        arrays.append(keras.utils.to_categorical(np.load(data / f"y_{name}.npy"), 10))
    return arrays


def main() -> None:
    mode, first, second = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if mode == "train":
        x_train, y_train, x_test, y_test = load(first)
        model = build()
        model.fit(x_train, y_train, batch_size=128, epochs=5, validation_split=0.05)
        print("loss, accuracy:", model.evaluate(x_test, y_test))
        model.save(second)
    elif mode == "predict":
        _, _, x_test, y_test = load(first)
        print("Predict:", keras.models.load_model(second).predict(x_test[:1]).argmax(), "Label:", y_test[0].argmax())
    else:
        x, y = np.load(first), np.load(second)
        split = int(len(x) * 0.95)
        model = build()
        for _ in sys.stdin:
            start = time.perf_counter()
            model.fit(x[:split], y[:split], 128, 1, verbose=0, validation_data=(x[split:], y[split:]))
            print("seconds", time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
