"""Weights to whole numbers, so that the products of real inputs change as little as can be.

To round each weight to the nearest is not the best: the inputs of a layer are far from independent,
and what one weight loses another can make up for. So the weights are rounded one after another, and
each time those that are still to come move to where they undo most of the loss: GPTQ (Frantar,
Ashkboos, Hoefler & Alistarh 2023), after Hassibi & Stork's Optimal Brain Surgeon (1993).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from vae_onnx.engine.graph import Array

Float64 = npt.NDArray[np.float64]

DAMPING: Final = 1e-3  # share of the mean square of an input that is added to each
STEPS: Final = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # tried, relative to that of the largest weight


def round_weights(
    weight: Array, inputs: Array, importance: Array | None = None, largest: int = 127
) -> tuple[npt.NDArray[np.int8], Array, Array]:
    """Return whole numbers and a scale for each output, whose product stands for the weights.

    Args:
        weight: (out, in).
        inputs: (N, in): what the layer is shown.
        importance: (N,), at least 0: how much the products of each of them count; else all alike.
        largest: Magnitude of the whole numbers, up to 127.

    Returns:
        whole (out, in) int8 and scale (out,) float32: weight is about whole * scale[:, np.newaxis].
        And what is lost on average, (out,) float32: to be added to the bias.
    """
    if importance is None:
        importance = np.ones(len(inputs), np.float32)
    mean = np.average(inputs, axis=0, weights=importance)
    # float64, for in float32 the sums would come to negative eigenvalues
    rows = (inputs - mean) * np.sqrt(importance.astype(np.float64))[:, np.newaxis]
    covariance = rows.T @ rows / importance.sum(dtype=np.float64)
    used = np.diag(covariance) > 0
    # What no input ever reaches takes part in no sum, and may not make the steps coarser.
    magnitude = np.abs(weight[:, used]).max(axis=1, initial=0.0).astype(np.float64)
    magnitude[magnitude == 0] = 1.0
    order = np.argsort(-np.diag(covariance), kind="stable")  # the most important first
    ordered, covariance = weight[:, order].astype(np.float64), covariance[np.ix_(order, order)]
    feedback = _feedback(covariance)

    best = np.full(len(weight), np.inf)
    whole, scale = np.zeros(weight.shape, np.int8), np.ones(len(weight), np.float32)
    for step in STEPS:
        tried = (step * magnitude / largest).astype(np.float32)
        rounded = _round(ordered, tried.astype(np.float64), feedback, largest)
        lost = ordered - rounded * tried[:, np.newaxis]
        cost = ((lost @ covariance) * lost).sum(axis=1)
        better = cost < best
        best[better], scale[better] = cost[better], tried[better]
        whole[np.ix_(better, order)] = rounded[better]
    lost = weight - whole * scale.astype(np.float64)[:, np.newaxis]
    return whole, scale, (lost @ mean).astype(np.float32)


def _feedback(covariance: Float64) -> Float64:
    """How much of what each weight loses by rounding goes to each of those after it."""
    mean = np.trace(covariance) / len(covariance) or 1.0
    damped = covariance / mean + DAMPING * np.eye(len(covariance))
    # damped = upper @ upper.T, so that the inverse of its part that is still to come, after each
    # column, is upper^-T upper^-1 of that part.
    upper = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    factor: Float64 = np.linalg.inv(upper)
    return factor / np.diag(factor)[:, np.newaxis]


def _round(weight: Float64, scale: Float64, feedback: Float64, largest: int) -> Float64:
    """Round the columns (out, in) from the first to the last; the others make up for each."""
    rest, whole = weight.copy(), np.empty_like(weight)
    for column, share in enumerate(feedback):
        whole[:, column] = np.rint(rest[:, column] / scale).clip(-largest, largest)
        lost = rest[:, column] - whole[:, column] * scale
        rest[:, column:] -= np.outer(lost, share[column:])
    return whole
