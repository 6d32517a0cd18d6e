"""PyTorch as it comes, compiled, and its runtime for devices, ExecuTorch."""

import os
import shutil
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from .given import (
    BLOCK,
    Array,
    Call,
    Callers,
    Given,
    Peer,
    Ways,
    blocks,
    called,
    each,
    number_of,
    out,
)

SIDE = 2048  # of the matrices of the floor
MANY = 4096  # rows whose layers are products of such matrices


def eager(given: Given) -> Peer:
    import torch

    model = _module(given)

    def function(operation: str, rows: int, threads: int) -> Any:
        return model(operation)

    return Peer(f"torch {torch.__version__}, eager", _ways(given, function))


def compiled(given: Given) -> Peer:
    """`torch.compile` for each number of rows, frozen and tuned as is recommended on CPUs."""
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(
        given.folder
    )  # what was tuned in another run is not taken
    import torch
    from torch._inductor import config

    if not shutil.which(os.environ.get("CXX", "g++")):
        raise FileNotFoundError("torch.compile needs a C++ compiler, and there is no g++")
    config.freezing = True
    torch._dynamo.config.recompile_limit = 64
    model = _module(given)

    @cache
    def function(operation: str, rows: int, threads: int) -> Any:  # the code is for that many
        module = model(operation)
        # A code object of its own for each, else the shapes count as one that changes.
        return torch.compile(lambda x: module(x), dynamic=False, mode="max-autotune")

    return Peer(f"torch {torch.__version__}, max-autotune", _ways(given, function))


def executorch(given: Given) -> Peer:
    """Lowered to XNNPACK for each number of rows."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.extension.pybindings import portable_lib

    torch.set_num_threads(1)  # which copy results of blocks, beside ExecuTorch's own
    model = _module(given)

    @cache
    def program(operation: str, rows: int) -> Any:
        example = (torch.zeros(rows, 2 if operation == "decode" else 784),)
        exported = torch.export.export(model(operation), example)
        lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
        return lowered.to_executorch().buffer

    def ways(operation: str, count: int) -> Ways:
        parts = blocks(count, given.threads)

        def make(rows: Array, threads: int, parts: list[slice]) -> Call:
            portable_lib._unsafe_reset_threadpool(threads)
            buffer = program(operation, parts[0].stop)
            loaded, x = (
                portable_lib._load_for_executorch_from_buffer(buffer),
                torch.from_numpy(rows),
            )
            if len(parts) == 1:
                # What it gives lies in its own memory, where the next call writes.
                return lambda _keep=buffer: loaded.forward((x,), clone_outputs=False)
            results = out(operation, count)
            tensors = [torch.from_numpy(array) for array in results]

            def call(_keep: Any = buffer) -> list[Array]:
                for part in parts:
                    some = loaded.forward((x[part],), clone_outputs=False)
                    for tensor, result in zip(tensors, some, strict=True):
                        tensor[part] = result
                return results

            return call

        whole, found = [slice(0, count)], {}
        for threads in (1, given.threads):
            found[number_of(threads)] = partial(make, threads=threads, parts=whole)
            if len(parts) > 1:
                found[f"{number_of(threads)}, blocks"] = partial(make, threads=threads, parts=parts)
        return found

    return Peer(called("executorch", "XNNPACK", "ExecuTorch"), ways)


def floor(given: Given) -> Peer:
    """One product of large matrices, by whose speed those of the layers are judged."""
    import torch

    def make(rows: Array) -> Call:
        torch.set_num_threads(given.threads)
        a, b = torch.randn(2, SIDE, SIDE)
        result = torch.empty(SIDE, SIDE)

        def call() -> list[Array]:
            torch.mm(a, b, out=result)
            return []

        return call

    return Peer("floor", lambda operation, rows: {"": make} if rows >= MANY else {})


def _module(given: Given) -> Callable[[str], Any]:
    """Makes the layers of an operation, with the weights of the graphs."""
    import torch
    from torch import nn

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.logits = nn.Linear(2, 400), nn.Linear(400, 784)

        def forward(self, z: Any) -> Any:
            return (torch.sigmoid(self.logits(torch.relu(self.hidden(z)))),)

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Linear(784, 400)
            self.mu, self.log_var = nn.Linear(400, 2), nn.Linear(400, 2)

        def forward(self, x: Any) -> Any:
            hidden = torch.relu(self.hidden(x))
            return self.mu(hidden), self.log_var(hidden)

    @cache
    def build(operation: str) -> Any:
        module = Decoder() if operation == "decode" else Encoder()
        weights = {name: torch.from_numpy(w) for name, w in given.weights(operation).items()}
        module.load_state_dict(weights)
        return module.eval().requires_grad_(requires_grad=False)

    return build


def _ways(given: Given, function: Callable[[str, int, int], Any]) -> Callable[[str, int], Ways]:
    """One call or blocks, on one thread or all, or by threads that compute with one each."""
    import torch

    callers = Callers(given.threads)

    def ways(operation: str, count: int) -> Ways:
        parts = blocks(count, given.threads)

        def make(rows: Array, threads: int) -> Call:
            torch.set_num_threads(threads)
            module, x = function(operation, count, threads), torch.from_numpy(rows)

            def call() -> Any:
                with torch.inference_mode():
                    return module(x)

            return call

        def blocked(rows: Array, threads: int, *, calling: bool = False) -> Call:
            torch.set_num_threads(threads)
            module, x = function(operation, parts[0].stop, threads), torch.from_numpy(rows)
            results = out(operation, count)
            tensors = [torch.from_numpy(array) for array in results]

            def work(part: slice, _: int) -> None:
                with torch.inference_mode():
                    for tensor, result in zip(tensors, module(x[part]), strict=True):
                        tensor[part] = result

            def call() -> list[Array]:
                each(work, parts, callers if calling else None)
                return results

            return call

        found = {
            number_of(threads): partial(make, threads=threads)
            for threads in (1, given.threads)
            if threads > 1 or count <= BLOCK
        }
        if len(parts) > 1:
            told = f"{number_of(given.threads)}, blocks"
            found[told] = partial(blocked, threads=given.threads)
            found[f"{given.threads} callers, blocks"] = partial(blocked, threads=1, calling=True)
        return found

    return ways
