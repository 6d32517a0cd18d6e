"""The layers written down for arrays: numpy, numba, JAX."""

from functools import cache, partial
from typing import Any

import numpy as np

from .given import Array, Call, Callers, Given, Peer, Ways, blocks, called, each, number_of, out

# What numba may change about sums and products; not that nothing is infinite, for exp is.
FAST = {"reassoc", "contract", "nsz", "arcp", "afn"}


class Layers:
    """The two matrices and biases, (inputs, outputs) each; the heads of the encoder are one."""

    def __init__(self, given: Given, operation: str) -> None:
        found = given.weights(operation)
        second = ["logits"] if operation == "decode" else ["mu", "log_var"]
        self.first = np.ascontiguousarray(found["hidden.weight"].T)
        self.first_bias = found["hidden.bias"]
        heads = np.concatenate([found[f"{name}.weight"] for name in second])
        self.second = np.ascontiguousarray(heads.T)
        self.second_bias = np.concatenate([found[f"{name}.bias"] for name in second])


def parts_of(operation: str, result: Any) -> list[Any]:
    """The outputs of what the second matrix gives."""
    return [result] if operation == "decode" else [result[:, :2], result[:, 2:]]


def numpy(given: Given) -> Peer:
    """By hand, without an array that need not be made."""
    from threadpoolctl import threadpool_info, threadpool_limits

    callers = Callers(given.threads)

    def ways(operation: str, count: int) -> Ways:
        layers, decode = Layers(given, operation), operation == "decode"
        minus = -layers.second if decode else layers.second
        minus_bias = -layers.second_bias if decode else layers.second_bias

        def make(rows: Array, threads: int, parts: list[slice], *, calling: bool) -> Call:
            threadpool_limits(threads, "blas")
            result = np.empty((count, len(minus_bias)), np.float32)
            hidden = np.empty((given.threads if calling else 1, parts[0].stop, 400), np.float32)

            def work(part: slice, caller: int) -> None:
                h, p = hidden[caller], result[part]
                np.matmul(rows[part], layers.first, out=h)
                h += layers.first_bias
                np.maximum(h, 0, out=h)
                np.matmul(h, minus, out=p)
                p += minus_bias
                if decode:
                    with np.errstate(over="ignore"):  # of an infinity the reciprocal is 0
                        np.exp(p, out=p)
                    p += 1
                    np.reciprocal(p, out=p)

            def call() -> list[Array]:
                each(work, parts, callers if calling else None)
                return parts_of(operation, result)

            return call

        whole, parts = [slice(0, count)], blocks(count, given.threads)
        found = {
            number_of(threads): partial(make, threads=threads, parts=whole, calling=False)
            for threads in (1, given.threads)
        }
        if len(parts) > 1:
            some = {"parts": parts, "threads": given.threads, "calling": False}
            found[f"{number_of(given.threads)}, blocks"] = partial(make, **some)
            all_ = {"parts": parts, "threads": 1, "calling": True}
            found[f"{given.threads} callers, blocks"] = partial(make, **all_)
        return found

    np.ones((2, 2)) @ np.ones((2, 2))
    libraries = {info["internal_api"] for info in threadpool_info() if info["user_api"] == "blas"}
    told = f"by hand, {'OpenBLAS' if 'openblas' in libraries else ', '.join(sorted(libraries))}"
    return Peer(called("numpy", told), ways)


def numba(given: Given) -> Peer:
    """Loops over blocks, on one thread or all; within a block BLAS multiplies the matrices."""
    import numba as nb

    nb.set_num_threads(given.threads)

    def decode(rows, first, first_bias, second, second_bias, result, size):
        for block in nb.prange(len(rows) // size):
            start = block * size
            hidden = np.empty((size, first.shape[1]), np.float32)
            for i in range(size):
                a, b = rows[start + i, 0], rows[start + i, 1]
                for j in range(first.shape[1]):
                    value = a * first[0, j] + b * first[1, j] + first_bias[j]
                    hidden[i, j] = max(value, np.float32(0))
            logits = result[start : start + size]
            np.dot(hidden, second, logits)
            for i in range(size):
                for j in range(second.shape[1]):
                    p = logits[i, j] + second_bias[j]
                    logits[i, j] = np.float32(1) / (np.float32(1) + np.exp(-p))

    def encode(rows, first, first_bias, second, second_bias, result, size):
        for block in nb.prange(len(rows) // size):
            start = block * size
            hidden = np.dot(rows[start : start + size], first)
            for i in range(size):
                for j in range(first.shape[1]):
                    hidden[i, j] = max(hidden[i, j] + first_bias[j], np.float32(0))
            codes = result[start : start + size]
            np.dot(hidden, second, codes)
            for i in range(size):
                for j in range(second.shape[1]):
                    codes[i, j] += second_bias[j]

    @cache
    def compiled(operation: str, *, parallel: bool) -> Any:
        function = decode if operation == "decode" else encode
        return nb.njit(function, fastmath=FAST, parallel=parallel)

    def ways(operation: str, count: int) -> Ways:
        layers = Layers(given, operation)

        def make(rows: Array, size: int, *, parallel: bool) -> Call:
            function = compiled(operation, parallel=parallel)
            result = np.empty((count, layers.second.shape[1]), np.float32)
            weights = (layers.first, layers.first_bias, layers.second, layers.second_bias)

            def call() -> list[Array]:
                function(rows, *weights, result, size)
                return parts_of(operation, result)

            return call

        size = blocks(count, given.threads)[0].stop
        found = {"1 thread" + ", blocks" * (size < count): partial(make, size=size, parallel=False)}
        if size < count or count % given.threads == 0:
            most = min(size, count // given.threads)
            found[f"{number_of(given.threads)}, blocks"] = partial(make, size=most, parallel=True)
        return found

    return Peer(called("numba", "by hand"), ways)


def jax(given: Given) -> Peer:
    """A jitted function with the weights as constants; blocks by `lax.map`, or by callers."""
    import jax as engine
    import jax.numpy as jnp

    engine.config.update("jax_platforms", "cpu")
    callers = Callers(given.threads)

    @cache
    def jitted(operation: str, blocked: int) -> Any:
        layers = Layers(given, operation)

        def one(rows: Any) -> Any:
            hidden = engine.nn.relu(rows @ layers.first + layers.first_bias)
            result = hidden @ layers.second + layers.second_bias
            if operation == "decode":
                return (engine.nn.sigmoid(result),)
            return result[:, :2], result[:, 2:]

        def many(rows: Any) -> Any:
            results = engine.lax.map(one, rows.reshape(-1, blocked, rows.shape[1]))
            return tuple(result.reshape(len(rows), -1) for result in results)

        return engine.jit(many if blocked else one)

    def ways(operation: str, count: int) -> Ways:
        parts = blocks(count, given.threads)

        def make(rows: Array, blocked: int) -> Call:
            function, x = jitted(operation, blocked), jnp.asarray(rows)
            return lambda: engine.block_until_ready(function(x))

        def calling(rows: Array) -> Call:
            function, results = jitted(operation, 0), out(operation, count)

            def work(part: slice, _: int) -> None:
                for array, result in zip(results, function(rows[part]), strict=True):
                    array[part] = np.asarray(result)

            def call() -> list[Array]:
                callers.each(work, parts)
                return results

            return call

        told = number_of(given.threads)
        found = {told: partial(make, blocked=0)}
        if len(parts) > 1:
            found[f"{told}, blocks"] = partial(make, blocked=parts[0].stop)
            found[f"{given.threads} callers, blocks"] = calling
        return found

    return Peer(called("jax", "jit", "JAX"), ways)
