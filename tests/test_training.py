"""The training itself: shards, order, resumption, and what it refuses."""

import errno
import random
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.network.runtime import start_tensorflow
from stages.running.outputs import replacing
from stages.running.process import InputError
from tests.project import section

start_tensorflow("avx2", "cpu")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from stages.network.architecture import build_network  # noqa: E402
from stages.network.inference import forward_function, predict_probabilities  # noqa: E402
from stages.network.model_file import load_network, save_network  # noqa: E402
from stages.network.parameters import Model  # noqa: E402
from stages.network.runtime import within_memory  # noqa: E402
from stages.train.augmentation import OTHER_HANDS, augment  # noqa: E402
from stages.train.confidence import measure_confidence  # noqa: E402
from stages.train.loop import Training  # noqa: E402
from stages.train.parameters import Train  # noqa: E402
from stages.train.resume import Backup, fingerprint  # noqa: E402
from stages.train.rows import ahead, epoch_batches, split_rows, steps_warning, validation_warning  # noqa: E402

RNG = np.random.default_rng(0)
IMAGES = RNG.random((50, 12, 12, 1), np.float32)
LABELS = np.eye(3, dtype=np.float32)[RNG.integers(3, size=50)]
TRAINING: dict[str, Any] = {"seed": 1, "batch_size": 16, "learning_rate": 0.01, "validation_split": 0.2, "shards": 3}


def network(conv_dropout: float = 0.5) -> Any:
    """A network of these tests' own: what a project has made of `build_network` may have no dropout, or averages."""
    keras.backend.clear_session()  # or layers are numbered on, and files differ
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((12, 12, 1)),
            *(layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D()),
            *(layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D()),
            *(layers.Dropout(conv_dropout), layers.Flatten()),
            *(layers.Dense(8, activation="relu"), layers.Dropout(0.5)),
            *(layers.Dense(3), layers.Activation("softmax")),
        ]
    )


def training_of(model: Any, images: Any = IMAGES, labels: Any = LABELS, **changed: Any) -> Training:
    return Training(model, images, labels, section(Train, **{**TRAINING, **changed}))


def weights(model: Any) -> bytes:
    return b"".join(weight.tobytes() for weight in model.get_weights())


@pytest.fixture(scope="module")
def traced() -> tuple[Training, list[Any]]:
    """A training, and the values of its variables at the start."""
    training = training_of(network())
    return training, [variable.numpy() for variable in training.variables]


def at_start(traced: tuple[Training, list[Any]]) -> Training:
    for variable, value in zip(traced[0].variables, traced[1], strict=True):
        variable.assign(value)
    return traced[0]


@pytest.fixture
def training(traced: tuple[Training, list[Any]]) -> Training:
    return at_start(traced)


def test_an_epoch_takes_every_row_once_in_an_order_of_its_own() -> None:
    first, second, again = (list(epoch_batches(57, 16, 5, epoch)) for epoch in (1, 2, 1))
    assert [len(rows) for rows in first] == [16, 16, 16, 9]
    assert sorted(np.concatenate(first)) == list(range(57))
    assert np.concatenate(first).tolist() == np.concatenate(again).tolist() != np.concatenate(second).tolist()


def one_hot_labels(classes: list[int]) -> Any:
    return np.eye(max(classes) + 1, dtype=np.float32)[classes]


@pytest.mark.parametrize(("n", "split", "rows"), [(997, 0.05, 947), (3, 0.4, 1)])
def test_the_validation_rows_are_the_last_ones_as_many_as_in_keras(n: int, split: float, rows: int) -> None:
    training, validation = split_rows(np.ones((n, 2), np.float32), split, "last")
    assert training.tolist() == list(range(rows)) and validation.tolist() == list(range(rows, n))


def test_stratified_validation_rows_are_the_last_of_each_class() -> None:
    training, validation = split_rows(one_hot_labels([0, 1, 0, 1, 1, 0, 0, 1, 2]), 0.25, "stratified")
    assert validation.tolist() == [6, 7] and training.tolist() == [0, 1, 2, 3, 4, 5, 8]


@pytest.mark.parametrize(("n", "split"), [(10, 0.999), (10, 1e-20)])
def test_a_split_that_leaves_a_side_empty_is_refused_by_name(n: int, split: float) -> None:
    with pytest.raises(InputError, match=r"params\.yaml: train\.validation_split = "):
        split_rows(np.ones((n, 2), np.float32), split, "last")


def test_a_shift_that_moves_images_out_of_sight_is_refused() -> None:
    with pytest.raises(InputError, match="shift = 12: must be less than the shorter side of the images, 12x12"):
        training_of(network(), augmentation={"rotation": 0, "shear": 0, "zoom": 0, "shift": 12})


def test_validation_rows_that_hold_few_classes_are_warned_of() -> None:
    by_class = one_hot_labels([0] * 250 + [1] * 250 + [2] * 250 + [3] * 250)
    rows = split_rows(by_class, 0.05, "last")[1]
    assert "50 validation rows, of 1 of 4 classes" in str(validation_warning(by_class, rows))
    assert validation_warning(by_class, split_rows(by_class, 0.05, "stratified")[1]) is None
    few = split_rows(by_class, 0.048, "stratified")[1]
    assert "48 validation rows, of 4 of 4 classes: " in str(validation_warning(by_class, few))


def test_what_is_made_ahead_comes_in_order_and_its_errors_too() -> None:
    assert list(ahead(iter(range(1, 100)))) == list(range(1, 100)) and list(ahead(iter([]))) == []

    def failing() -> Any:
        yield 1
        raise InputError("on purpose")

    with pytest.raises(InputError, match="on purpose"):
        list(ahead(failing()))


def test_the_seed_alone_decides_and_no_random_state_of_before(traced: tuple[Training, list[Any]]) -> None:
    results = []
    for noise in (3, 4):
        random.seed(noise)
        np.random.seed(noise)
        tf.random.set_seed(noise)
        training = at_start(traced)
        training.network(IMAGES, training=True)  # moves dropout's generators on
        results.append((training.run_epoch(1), weights(training.network)))
    assert results[0] == results[1]
    other = network()
    training_of(other, seed=2).run_epoch(1)
    assert weights(other) != weights(training.network)


def test_the_cosine_schedule_falls_along_half_a_wave(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "train", section(Train, **TRAINING, epochs=2, schedule="cosine"))
    for epoch, steps in ((1, 2), (2, 5)):  # steps before the epoch's last one, of 6
        training.run_epoch(epoch)
        rate = float(training.optimizer.learning_rate.numpy())
        assert rate == pytest.approx(0.01 * (1 + np.cos(np.pi * steps / 6)) / 2)


def test_each_image_of_each_epoch_has_random_changes_of_its_own(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []

    def augment(images: Any, amounts: Any, most: Any) -> Any:
        assert len(amounts) == len(images)
        drawn.extend(amounts.flatten())
        return images

    monkeypatch.setattr("stages.train.loop.augment", augment)
    for epoch in (1, 2):
        training.run_epoch(epoch)
    assert len(set(drawn)) == len(drawn) == 2 * 40 * 6 and -1 <= min(drawn) < -0.9 and 0.9 < max(drawn) <= 1


def test_a_resumed_training_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """Of a network with whatever layers hand on from step to step."""
    recipe = {
        "epochs": 3,
        "shards": 2,
        "schedule": "cosine",
        "augmentation": {"rotation": 20, "shear": 0, "zoom": 0, "shift": 1},
    }
    layers = keras.layers

    def build() -> Any:
        keras.utils.set_random_seed(1)
        image = [layers.Input((12, 12, 1)), layers.Conv2D(1, 3, 3), layers.BatchNormalization(), layers.Flatten()]
        return keras.Sequential([*image, layers.Dropout(0.5), layers.Dense(3, activation="softmax")])

    undisturbed, resumed = build(), build()
    running = training_of(undisturbed, **recipe).run(Backup(tmp_path / "a", "k"))
    assert [len(sofar) for sofar in islice(running, 2)] == [1, 2]
    shutil.copytree(tmp_path / "a", tmp_path / "b")  # what a kill would leave
    (history,) = running
    going_on = training_of(resumed, **recipe).run(Backup(tmp_path / "b", "k"))
    assert [list(sofar) for sofar in going_on] == [history[:2], history]  # told before an epoch has ended
    assert weights(resumed) == weights(undisturbed)


# Stops after 6 epochs, though a lower one would have come; of equal ones the first is the best.
VAL_LOSSES, RAN, KEPT = [3, 2, 4, 1, 1, 5, 0], 6, 4


def stops_early() -> tuple[Training, list[bytes]]:
    """A training that bears 2 epochs without a lower val_loss, of which each epoch adds 1 to all weights."""
    training = training_of(network(), epochs=7, early_stopping=2)

    def run_epoch(epoch: int) -> dict[str, float]:
        training.network.set_weights([weight + np.float32(1) for weight in training.network.get_weights()])
        after.append(weights(training.network))
        return {"val_loss": VAL_LOSSES[epoch - 1]}

    after: list[bytes] = []
    training.run_epoch = run_epoch  # type: ignore[method-assign]
    return training, after


def test_early_stopping_keeps_the_best_epoch_also_after_a_kill(tmp_path: Path) -> None:
    undisturbed, after = stops_early()
    *_, history = undisturbed.run(Backup(tmp_path / "a", "k"))
    assert [row["kept"] for row in history] == [int(epoch == KEPT) for epoch in range(1, RAN + 1)]
    assert weights(undisturbed.network) == after[KEPT - 1]
    for finished in (1, KEPT, RAN):
        folder = tmp_path / str(finished)
        assert len(list(islice(stops_early()[0].run(Backup(folder, "k")), finished))) == finished
        resumed, _ = stops_early()
        *_, again = resumed.run(Backup(folder, "k"))
        assert again == history and weights(resumed.network) == after[KEPT - 1]


def test_history_counts_no_outliers(training: Training) -> None:
    labels = LABELS[:16].copy()
    labels[3:9] = 1 / 3
    loss, hits, known = training._step(IMAGES[:16], labels, 16, 1, 0)
    assert known == 10 and 0 <= hits <= 10 and 0 < loss < 10 * 5
    everything, _, n = training._step(IMAGES[:16], np.full_like(labels, 1 / 3), 16, 1, 0)
    assert (everything, n) == (0, 0)


def test_a_diverged_training_is_refused_with_its_epoch(training: Training) -> None:
    training.network.set_weights([weight * np.float32(np.nan) for weight in training.network.get_weights()])
    with pytest.raises(InputError, match=r"diverged in epoch 1: the loss is nan; try a lower train\.learning_rate"):
        training.run_epoch(1)


def test_want_of_memory_names_the_parameters_that_it_comes_from() -> None:
    with pytest.raises(InputError, match=r"model\.filters: too large for .* memory"), within_memory("model.filters"):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")


def test_a_model_that_normalizes_each_image_by_its_brightest_pixel_is_read(tmp_path: Path) -> None:
    image = keras.layers.Input((12, 12, 1))
    bright = image / keras.ops.max(image, axis=(1, 2, 3), keepdims=True)
    answer = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(bright))
    keras.Model(image, answer).save(tmp_path / "bright.keras")
    assert load_network(tmp_path / "bright.keras").output_shape == (None, 3)


def test_two_of_a_hundred_right_answers_are_below_the_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers to rows as other hands would have written them."""
    seen: list[Any] = []

    def watched(images: Any, amounts: Any, most: Any) -> Any:
        assert most is OTHER_HANDS
        seen.append(augment(images, amounts, most))
        return seen[-1]

    monkeypatch.setattr("stages.train.confidence.augment", watched)
    model = network(conv_dropout=0.0)
    rows = np.repeat(np.arange(50), 5)  # more than one batch
    measured = measure_confidence(forward_function(model), IMAGES, LABELS, rows, are_glyphs=False)
    changed = np.concatenate(seen)
    assert len(np.unique(changed, axis=0)) == 250, "each has a change of its own"
    probabilities = predict_probabilities(forward_function(model), changed)
    right = probabilities.argmax(axis=1) == LABELS[rows].argmax(axis=1)
    expected = pytest.approx(np.quantile(probabilities.max(axis=1)[right], 0.02), abs=2e-6)
    assert measured == {"unsure_below": expected, "false_positive_rate": None}


def test_of_glyphs_of_no_class_some_are_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is sure of bright images: every other outlier is one."""

    def add(images: Any, labels: Any, shards: Any, draws: Any, share: float) -> Any:
        assert share == 1
        return np.stack([np.full(images.shape[1:], row % 2, np.float32) for row in range(len(images))]), labels / 3

    monkeypatch.setattr("stages.train.confidence.add_outliers", add)

    def predict(_: Any, images: Any) -> Any:
        first = 0.4 + 0.6 * images.mean(axis=(1, 2, 3))
        return np.stack([first, 1 - first, 0 * first], axis=1)

    monkeypatch.setattr("stages.train.confidence.predict_probabilities", predict)
    measured = measure_confidence(lambda images: images, IMAGES, LABELS, np.arange(50), are_glyphs=True)
    assert measured["false_positive_rate"] == 0.5


def test_where_no_answer_is_right_none_is_sure() -> None:
    model = network(conv_dropout=0.0)
    model.layers[-2].set_weights([np.zeros((8, 3), np.float32), np.array([9, 0, 0], np.float32)])  # always class 0
    wrong = np.eye(3, dtype=np.float32)[[1] * 50]
    assert (
        measure_confidence(forward_function(model), IMAGES, wrong, np.arange(50), are_glyphs=False)["unsure_below"] == 1
    )


def test_a_damaged_backup_starts_afresh_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "k.npz").write_bytes(b"PK damaged")
    assert Backup(tmp_path, "k").load() == b""
    assert "unreadable, starting afresh" in capsys.readouterr().err


def test_the_end_of_a_training_removes_its_backup_alone(tmp_path: Path) -> None:
    folder = tmp_path / "resume"
    own, other = Backup(folder, "k"), Backup(folder, "of a training that goes on")
    for backup in (own, other):
        backup.save([], [])
    own.remove()
    assert list(folder.iterdir()) == [other.path]
    other.remove()
    assert not folder.exists()


def test_the_key_of_a_backup_changes_with_parameters_and_with_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    keys = [fingerprint(b"1", [tmp_path / "a"]), fingerprint(b"2", [tmp_path / "a"])]
    (tmp_path / "a").write_text("2")
    keys.append(fingerprint(b"1", [tmp_path / "a"]))
    assert len(set(keys)) == 3


def test_few_steps_are_warned_of_with_what_makes_more() -> None:
    recipe = section(Train)
    assert "5 epochs of 5 steps are few" in str(steps_warning(600, recipe))
    assert steps_warning(57_000, recipe) is None
    assert steps_warning(600, section(Train, epochs=30, batch_size=32)) is None


@pytest.mark.ours
@pytest.mark.parametrize("shape", [(28, 28, 2), (5, 40, 3)])
def test_images_of_any_size_and_channels_have_a_network_in_either_layout(shape: tuple[int, int, int]) -> None:
    rows, cols, channels = shape
    first = build_network((channels, rows, cols), 3, section(Model))
    assert build_network(shape, 3, section(Model)).count_params() == first.count_params()
    images = np.random.default_rng(0).random((2, channels, rows, cols), np.float32)
    assert np.isfinite(predict_probabilities(forward_function(first), images)).all()


@pytest.mark.ours
def test_a_convolution_that_does_not_fit_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    names = [layer.name for layer in build_network((12, 12, 1), 3, section(Model, filters=[4] * 4)).layers]
    assert names[:6] == ["conv_1", "pool_1", "conv_2", "pool_2", "conv_3", "conv_4"]
    warnings = capsys.readouterr().err.splitlines()
    assert [warning.split(":")[1] for warning in warnings] == [
        f" model.kernel_size = 3 and model.pool_size = 2 do not fit into the 1 pixels that {name} gets"
        for name in ("conv_3", "conv_4")
    ]


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    save_network(network(), tmp_path / "cnn.h5", 0.001)
    return tmp_path / "cnn.h5"


def test_a_saved_network_has_the_bytes_of_keras_and_is_read_back(model_file: Path) -> None:
    model = network()
    save_network(model, model_file.with_name("again.h5"), 0.001)
    model.save(model_file.with_name("theirs.h5"))
    assert model_file.read_bytes() == model_file.with_name("again.h5").read_bytes()
    assert model_file.read_bytes() == model_file.with_name("theirs.h5").read_bytes()
    many = np.tile(IMAGES, (5, 1, 1, 1))  # more than one batch
    found, expected = (
        predict_probabilities(forward_function(each), many)
        for each in (load_network(model_file, (12, 12, 1), 3), model)
    )
    assert (found == expected).all() and np.allclose(found, model(many, training=False), atol=1e-6)


def test_a_full_disk_is_one_error_that_names_the_model(small_disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """HDF5 itself would say it in pages."""
    save_network(network(), small_disk / "cnn.h5", 0.001)
    earlier = (small_disk / "cnn.h5").read_bytes()
    (small_disk / "others").write_bytes(bytes((48 << 10) - len(earlier)))
    with pytest.raises(OSError, match="No space left") as caught, replacing(small_disk / "cnn.h5") as partial:
        save_network(network(), partial, 0.001)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(small_disk / "cnn.h5")
    assert (small_disk / "cnn.h5").read_bytes() == earlier and capfd.readouterr().err == ""


def test_a_model_for_other_images_or_classes_is_refused(model_file: Path) -> None:
    with pytest.raises(InputError, match=r"cnn\.h5: takes images of \(12, 12, 1\), must take \(28, 28, 1\)"):
        load_network(model_file, (28, 28, 1))
    with pytest.raises(InputError, match=r"cnn\.h5: has 3 classes, must have 10"):
        load_network(model_file, (12, 12, 1), 10)


def test_a_missing_or_damaged_model_file_is_one_clear_line(model_file: Path) -> None:
    model_file.write_bytes(model_file.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"cnn\.h5: not a readable Keras model") as caught:
        load_network(model_file)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        load_network(model_file.with_name("none.h5"))


def image_model(answer: Any, shape: tuple[int | None, ...] = (12, 12, 1), dtype: str = "float32") -> Any:
    image = keras.layers.Input(shape, dtype=dtype)
    return keras.Model(image, answer(image))


def test_a_foreign_model_file_is_one_clear_line(tmp_path: Path) -> None:
    layers = keras.layers
    pooled = keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(2)])
    softmax = layers.Dense(3, activation="softmax")
    narrow = keras.Sequential([layers.Flatten(), layers.Dense(3, activation="softmax", dtype="mixed_bfloat16")])
    logits = keras.Sequential([layers.Flatten(), layers.Dense(3, bias_initializer="ones")])
    damaged = network()
    damaged.set_weights([weight * np.float32(np.nan) for weight in damaged.get_weights()])
    foreign = [
        (image_model(layers.Dense(2), (3,)), r"maps \(3,\) to \(2,\), must map"),
        (image_model(pooled, (None, None, 5)), r"maps \(None, None, 5\) to \(2,\), must map"),
        (image_model(lambda image: {"a": softmax(layers.Flatten()(image))}), "its output is a dict; must be a tensor"),
        (image_model(narrow), "computes in bfloat16; must compute in float16"),
        (image_model(lambda image: layers.Dense(3)(image), dtype="int32"), "takes images of int32, must take float"),
        (image_model(logits), "the model's outputs are no probabilities"),
        (damaged, "the model's outputs are not finite"),
    ]
    for model, problem in foreign:
        model.save(tmp_path / "mine.keras")
        with pytest.raises(InputError, match=rf"mine\.keras: {problem}"):
            load_network(tmp_path / "mine.keras")
