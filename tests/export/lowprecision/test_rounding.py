import numpy as np
import pytest

from export.lowprecision.rounding import round_weights


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def error(weight, whole, scale, lost, inputs):
    """Root mean square of what the products of the inputs are off by."""
    restored = whole * scale[:, np.newaxis]
    return np.sqrt(((inputs @ (weight - restored).T - lost) ** 2).mean())


def test_weights_of_whole_steps_stay_as_they_are(rng):
    steps = rng.integers(-127, 128, (5, 8))
    steps[:, 0] = 127
    weight = (steps * np.array([[0.1], [0.5], [1.0], [2.0], [3.0]])).astype(np.float32)
    whole, scale, lost = round_weights(weight, rng.random((100, 8), np.float32))
    np.testing.assert_array_equal(whole, steps)
    np.testing.assert_allclose(scale, [0.1, 0.5, 1, 2, 3], rtol=1e-6)
    np.testing.assert_allclose(lost, 0, atol=1e-4)


@pytest.mark.parametrize("largest", [127, 64])
def test_dependent_inputs_lose_far_less_than_by_rounding_to_the_nearest(rng, largest):
    """As in a network: 60 inputs that 5 numbers tell, and noise."""
    inputs = rng.standard_normal((2000, 5)) @ rng.standard_normal((5, 60))
    inputs = np.maximum(inputs + 0.01 * rng.standard_normal(inputs.shape), 0).astype(np.float32)
    weight = rng.standard_normal((20, 60), np.float32)
    whole, scale, lost = round_weights(weight, inputs, largest=largest)
    assert whole.dtype == np.int8
    assert np.abs(whole).max() <= largest

    step = np.abs(weight).max(axis=1) / largest
    nearest = np.rint(weight / step[:, np.newaxis])
    ours = error(weight, whole, scale, lost, inputs)
    assert ours < 0.3 * error(weight, nearest, step, np.zeros(20), inputs)


def test_inputs_that_never_vary_do_not_make_the_steps_coarser(rng):
    inputs = rng.random((200, 8), np.float32)
    inputs[:, 0], inputs[:, 1] = 0.0, 0.5
    weight = rng.uniform(-1, 1, (4, 8)).astype(np.float32)
    weight[:, :2] = 1000
    whole, scale, lost = round_weights(weight, inputs)
    assert (scale <= 1 / 127).all()
    assert error(weight, whole, scale, lost, inputs) < 0.01  # what is lost goes to the bias


def test_importance_says_which_inputs_count(rng):
    inputs = rng.random((400, 30), np.float32)
    inputs[:200, 15:] = 0  # two kinds of inputs, that different weights matter to
    inputs[200:, :15] = 0
    weight = rng.standard_normal((10, 30), np.float32)
    first = np.repeat([1.0, 1e-6], 200).astype(np.float32)
    whole, scale, lost = round_weights(weight, inputs, first, largest=4)
    ours = error(weight, whole, scale, lost, inputs[:200])
    assert ours < 0.5 * error(weight, whole, scale, lost, inputs[200:])


def test_inputs_of_nothing_but_zeros_are_rounded_all_the_same():
    whole, scale, lost = round_weights(np.ones((2, 3), np.float32), np.zeros((5, 3), np.float32))
    assert whole.shape == (2, 3)
    assert np.isfinite(scale).all()
    np.testing.assert_array_equal(lost, 0)
