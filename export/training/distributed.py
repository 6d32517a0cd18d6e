"""The processes that train one model together, as `torchrun` starts them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from export.choices import Device
from export.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """This process among those that train together; by default it is alone."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and prints."""
        return self.rank == 0

    def share(self, images: int) -> tuple[slice, int]:
        """Which images of a batch this process takes, and how many of them count.

        Of fewer images than processes some get none: they take the first one, and it counts
        nothing, so that every process makes every step.
        """
        start, stop = (images * edge // self.size for edge in (self.rank, self.rank + 1))
        return (slice(start, stop), stop - start) if stop > start else (slice(0, 1), 0)

    def wrap(self, module: nn.Module) -> nn.Module:
        """Let the gradients of a module be averaged over all processes."""
        if self.size == 1:
            return module
        return DistributedDataParallel(module)

    def sum(self, values: Tensor) -> Tensor:
        """Add up a tensor of each process, for all of them."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def lead(self, action: Callable[[], T]) -> T | None:
        """Do something in the first process, for which the others wait, and get None.

        Where it fails, all of them stop, and the first alone says why.
        """
        result, error = None, None
        if self.first:
            try:
                result = action()
            except Exception as failure:  # whatever it is, the others must not wait for ever
                error = failure
        failures = self.sum(torch.tensor(float(error is not None), device=self.device))
        if error is not None:
            raise error
        if failures:
            raise SystemExit(1)
        return result

    def agree(self, number: int) -> bool:
        """Whether every process has come to the same number."""
        if self.size == 1:
            return True
        ends = torch.tensor([number, -number], device=self.device)
        distributed.all_reduce(ends, distributed.ReduceOp.MAX)
        return int(ends.sum()) == 0


@contextmanager
def join(device: Device) -> Iterator[Group]:
    """Join the other processes that `torchrun` started, if it did: gloo on CPUs, nccl on GPUs.

    Raises:
        ConfigError: CUDA is asked for and PyTorch finds none, or fewer GPUs than processes, or the
            environment is not as `torchrun` makes it.
    """
    size = _environment("WORLD_SIZE") if "WORLD_SIZE" in os.environ else 1
    if size == 1:
        yield Group(pick_device(device))
        return
    local_rank = _environment("LOCAL_RANK")
    picked = pick_device(device)
    if picked.type == "cuda":
        if local_rank >= torch.cuda.device_count():
            raise ConfigError(
                f"{local_rank + 1} processes or more on a machine with "
                f"{torch.cuda.device_count()} GPUs; start torchrun with "
                f"--nproc-per-node {torch.cuda.device_count()}, or train with --device cpu"
            )
        picked = torch.device("cuda", local_rank)
        torch.cuda.set_device(picked)
    distributed.init_process_group(BACKENDS[picked.type])
    try:
        yield Group(picked, distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()


def _environment(name: str) -> int:
    """Read one of the numbers that `torchrun` sets."""
    value = os.environ.get(name, "")
    if not value.isdecimal():
        raise ConfigError(
            f"the environment variable {name} must be a number, as torchrun sets it, got "
            f"{value!r}; start with torchrun, or unset WORLD_SIZE to train in one process"
        )
    return int(value)


BACKENDS: Final = {"cpu": "gloo", "cuda": "nccl"}


def pick_device(name: Device) -> torch.device:
    """Turn the --device option into a device; "auto" takes a GPU where there is one.

    Raises:
        ConfigError: CUDA is asked for and PyTorch finds none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "--device cuda, but PyTorch finds no CUDA device; use --device cpu, or install a "
            "driver and a build of PyTorch that match (https://pytorch.org/get-started)"
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
