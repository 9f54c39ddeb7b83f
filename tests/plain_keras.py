"""The baseline of the benchmark: the same CNN on the same arrays in plain Keras, as a tutorial writes it.

python tests/plain_keras.py train DATA MODEL     the two scripts of the tutorial,
python tests/plain_keras.py predict DATA MODEL   reading the .npy files in the folder DATA
python tests/plain_keras.py epochs DATA [32 64]  an epoch for each line on stdin, answered by its seconds; filters
python tests/plain_keras.py arrays DATA          an epoch on all of DATA's arrays, as float32
python tests/plain_keras.py pictures DATA        an epoch on DATA/train's class folders of pictures
"""

import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers


def build(first: int = 32, second: int = 16) -> Any:
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(first, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(second, (3, 3), activation="relu"),
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
        arrays.append(np.load(data / name / "images.npy").reshape(-1, 28, 28, 1) / 255.0)
        arrays.append(keras.utils.to_categorical(np.load(data / name / "labels.npy"), 10))
    return arrays


def main() -> None:
    mode, first = sys.argv[1], Path(sys.argv[2])
    second = Path(sys.argv[3]) if len(sys.argv) > 3 else first
    if mode == "train":
        x_train, y_train, x_test, y_test = load(first)
        model = build()
        model.fit(x_train, y_train, batch_size=128, epochs=5, validation_split=0.05)
        print("loss, accuracy:", model.evaluate(x_test, y_test))
        model.save(second)
    elif mode == "predict":
        _, _, x_test, y_test = load(first)
        print("Predict:", keras.models.load_model(second).predict(x_test[:1]).argmax(), "Label:", y_test[0].argmax())
    elif mode == "arrays":
        x = np.load(first / "train/images.npy").reshape(-1, 28, 28, 1).astype("float32") / 255
        y = keras.utils.to_categorical(np.load(first / "train/labels.npy"), 10)
        build().fit(x, y, batch_size=128, epochs=1, validation_split=0.05, verbose=2)
    elif mode == "pictures":
        options = {"label_mode": "categorical", "color_mode": "grayscale", "batch_size": 128, "image_size": (28, 28)}
        parts = {"validation_split": 0.05, "subset": "both", "seed": 1}
        train, validation = keras.utils.image_dataset_from_directory(first / "train", **options, **parts)
        model = keras.Sequential([layers.Input((28, 28, 1)), layers.Rescaling(1 / 255), build()])
        model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
        model.fit(train, validation_data=validation, epochs=1, verbose=2)
    else:
        x, y = np.load(first / "images.npy"), np.load(first / "labels.npy")
        split = int(len(x) * 0.95)
        model = build(*map(int, sys.argv[3:]))
        for _ in sys.stdin:
            start = time.perf_counter()
            model.fit(x[:split], y[:split], 128, 1, verbose=0, validation_data=(x[split:], y[split:]))
            print("seconds", time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
