"""Other stock Keras networks than ours train right, since editing stages/network is what people do first."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stages.network.runtime import start_tensorflow
from stages.running.process import InputError

start_tensorflow("avx2", "cpu")
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers, regularizers  # noqa: E402

from stages.cluster.cluster import Cluster  # noqa: E402
from stages.cluster.tf_config import Task  # noqa: E402
from stages.network.model_file import Card, load_network, save_network  # noqa: E402
from stages.predict_sample.prediction import Predictor  # noqa: E402
from stages.predict_sample.sample import Sample  # noqa: E402
from stages.train.loop import Training  # noqa: E402
from stages.train.parameters import Train  # noqa: E402
from stages.train.step import ShardedStep  # noqa: E402
from tests.project import section  # noqa: E402

RNG = np.random.default_rng(0)
IMAGES = RNG.random((23, 8, 8, 1), np.float32)  # 3 shards of 8, 8 and 7
LABELS = np.eye(3, dtype=np.float32)[RNG.integers(3, size=23)]


def sequential(*middle: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([layers.Input((8, 8, 1)), *middle, layers.Dense(3, activation="softmax")])


def regularized() -> keras.Model:
    convolution = layers.Conv2D(4, 3, activation="relu", kernel_regularizer=regularizers.L2(0.5))
    return sequential(convolution, layers.Flatten(), layers.Dense(4, bias_regularizer="l1", kernel_regularizer="l1l2"))


def residual() -> keras.Model:
    image = layers.Input((8, 8, 1))
    first = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    second = layers.Conv2D(4, 3, padding="same")(first)
    pooled = layers.GlobalMaxPooling2D()(layers.Activation("relu")(layers.Add()([first, second])))
    return keras.Model(image, layers.Dense(3, activation="softmax")(pooled))


def nested() -> keras.Model:
    return sequential(residual(), layers.Reshape((3, 1)), layers.LSTM(4), layers.LayerNormalization())


def normalized() -> keras.Model:
    return sequential(layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(), layers.GlobalAveragePooling2D())


def random_everywhere() -> keras.Model:
    inner = keras.Sequential([layers.Input((8, 8, 1)), layers.RandomRotation(0.2), layers.GaussianNoise(0.5)])
    rest = (
        layers.Conv2D(1, 3, padding="same", kernel_regularizer="l2"),
        layers.SpatialDropout2D(0.5),
        layers.Reshape((8, 8)),
        layers.LSTM(4, dropout=0.5),
        layers.GaussianDropout(0.3),
    )
    return sequential(
        inner, layers.RandomTranslation(0.2, 0.2), layers.Conv2D(1, 3, padding="same", kernel_regularizer="l2"), *rest
    )


def two_of(build: Callable[[], keras.Model]) -> tuple[keras.Model, keras.Model]:
    """Two networks with the same weights."""
    keras.utils.set_random_seed(1)
    first, second = build(), build()
    second.set_weights(first.get_weights())
    return first, second


def ours(network: keras.Model, shards: int, n: int = len(IMAGES)) -> tuple[float, float, float]:
    """Take one step on n images."""
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(network.trainable_variables)
    return ShardedStep(network, optimizer, 1, shards)(IMAGES[:n], LABELS[:n], n, 1, 0)


@pytest.mark.parametrize(
    ("build", "shards", "n"), [(regularized, 3, 23), (residual, 4, 2), (nested, 3, 23), (normalized, 1, 23)]
)
def test_a_sharded_step_is_that_of_plain_keras_on_the_whole_batch(
    build: Callable[[], keras.Model], shards: int, n: int
) -> None:
    plain, sharded = two_of(build)
    plain.compile(keras.optimizers.SGD(0.1), loss="categorical_crossentropy", metrics=["accuracy"])
    before, penalty = plain.get_weights(), float(sum(plain.losses))
    loss, accuracy = plain.train_on_batch(IMAGES[:n], LABELS[:n])
    assert np.array(ours(sharded, shards, n)) / n == pytest.approx([loss - penalty, accuracy, 1], rel=1e-4)
    for old, expected, found in zip(before, plain.get_weights(), sharded.get_weights(), strict=True):
        assert (expected != old).any()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_batch_normalization_updates_its_averages_shard_after_shard() -> None:
    sharded, by_hand = two_of(normalized)
    ours(sharded, shards=3)
    for part in (slice(0, 8), slice(8, 16), slice(16, 23)):
        by_hand(IMAGES[part], training=True)
    for found, expected in zip(sharded.non_trainable_variables, by_hand.non_trainable_variables, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def training(network: keras.Model) -> Training:
    recipe = {"batch_size": 8, "learning_rate": 0.01, "validation_split": 0.2, "shards": 3}
    return Training(network, IMAGES, LABELS, section(Train, **recipe))


class DrawsTwice(layers.Layer):  # type: ignore[misc]
    """Notes the random numbers that it draws."""

    def __init__(self, note: Callable[[float], None]) -> None:
        super().__init__()
        self.generator, self.note = keras.random.SeedGenerator(0), note

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        for _ in range(2 if training else 0):
            tf.py_function(lambda number: self.note(float(number)), [keras.random.uniform((), seed=self.generator)], [])
        return images


def test_no_epoch_batch_shard_layer_or_draw_shares_its_random_numbers() -> None:
    drawn: list[float] = []
    network = sequential(DrawsTwice(drawn.append), DrawsTwice(drawn.append), layers.Flatten())
    trains = training(network)
    found = []
    for epoch in (1, 2, 1):
        network(IMAGES, training=True)  # moves the generators on
        drawn.clear()
        trains.run_epoch(epoch)
        found.append(set(drawn))
        assert len(drawn) == len(set(drawn)) == (3 + 3 + 2) * 2 * 2  # of 18 rows the last batch has 2
    assert found[0].isdisjoint(found[1]) and found[0] == found[2]


def test_processes_cannot_share_a_network_that_changes_more_than_weights() -> None:
    network = normalized()
    spectral = sequential(layers.SpectralNormalization(layers.Conv2D(2, 3)), layers.Flatten())
    before = network.get_weights()
    cluster = Cluster([Task("worker", index, f"host:{index}") for index in (1, 2)])
    for model, named in ((network, "moving_mean, .*/moving_variance"), (spectral, "vector_u")):
        with pytest.raises(InputError, match=rf"network: .*{named}.*: changes in training beside the weights"):
            ShardedStep(model, keras.optimizers.SGD(0.1), 1, 3, cluster)
    assert all((old == new).all() for old, new in zip(before, network.get_weights(), strict=True))


def test_a_loss_on_activity_is_refused_by_the_layers_name() -> None:
    network = sequential(layers.Flatten(), layers.Dense(4, activity_regularizer="l2", name="busy"))
    for model in (network, sequential(network)):
        with pytest.raises(InputError, match="network: busy: activity_regularizer is not supported"):
            training(model)


@pytest.mark.parametrize("build", [residual, normalized])
def test_another_network_is_saved_and_loaded_as_ours_is(build: Callable[[], keras.Model], tmp_path: Path) -> None:
    network = build()
    training(network).run_epoch(1)
    save_network(network, tmp_path / "a.h5", 0.01)
    loaded = load_network(tmp_path / "a.h5", (8, 8, 1), 3)
    np.testing.assert_array_equal(loaded(IMAGES, training=False), network(IMAGES, training=False))


def test_the_order_of_the_axes_changes_no_answer() -> None:
    field = np.zeros((1, 20, 28), np.float32)
    field[0, 4:9, 5:20] = 1
    first, last = (
        keras.Sequential([keras.Input(shape), *layers, keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
        for shape, layers in (((1, 20, 28), [keras.layers.Permute((2, 3, 1))]), ((20, 28, 1), []))
    )
    kernel = np.random.default_rng(0).normal(0, 0.1, (560, 3)).astype(np.float32)
    told = []
    for network in (first, last):
        network.set_weights([kernel, np.zeros(3, np.float32)])
        predictor = Predictor(network, Card([0, 1, 2], 0, None, True))
        told.append(predictor.predict(Sample(field)))
    assert told[0] == told[1]
