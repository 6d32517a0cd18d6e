"""The processes that train one model together, as `torchrun` starts them on some machines."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from export.choices import Device
from export.data.shards import Share
from export.errors import ConfigError, LostError, UserError

T = TypeVar("T")

BACKENDS: Final = {"cpu": "gloo", "cuda": "nccl"}
# For what a process waits that is there and silent; one that has ended is noticed at once.
STEP: Final = timedelta(minutes=5)
LOADING: Final = timedelta(hours=2)  # another may have a data set to download


class Failure(NamedTuple):
    """What a process gives to the others in place of what they wait for."""

    host: str
    message: str


@dataclass(frozen=True)
class Group:
    """This process among those that train together; by default it is alone."""

    device: torch.device
    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among those on this machine
    local_size: int = 1
    loading: Any = None  # by which more than tensors is exchanged, in any time: a process group

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and prints."""
        return self.rank == 0

    @property
    def share(self) -> Share:
        """What this process reads of the images."""
        return Share(self.rank, self.size, self.local_size, self.gather)

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

    def gather(self, value: T) -> list[T]:
        """Exchange a value of each process; return them all, in the order of the ranks.

        Raises:
            SystemExit: another process has failed; see `together`.
        """
        if self.size == 1:
            return [value]
        values = self._exchanged(value)
        if any(isinstance(one, Failure) for one in values):
            self._stop(values)
        return values

    @contextmanager
    def together(self) -> Iterator[None]:
        """Do something in all processes; where one fails, all of them stop.

        Each error is raised by the first process that has it, and the others end without one. What
        goes wrong on other machines, the first of all processes prints as well.
        """
        try:
            yield
        except Exception as error:  # whatever it is, the others must not wait for ever
            if self.size == 1:
                raise
            mine = Failure(socket.gethostname(), str(error) or type(error).__name__)
            before = self._exchanged(mine)[: self.rank]
            if any(isinstance(one, Failure) and one.message == mine.message for one in before):
                raise SystemExit(1) from error
            raise
        self.gather(None)

    def lead(self, action: Callable[[], T]) -> T:
        """Do something in the first process, and return its result in all of them.

        Where it fails, all of them stop, and the first alone says why.
        """
        result: list[Any] = [None]
        with self.together():
            if self.first:
                result = [action()]
        if self.size > 1:
            distributed.broadcast_object_list(result, src=0, group=self.loading)
        led: T = result[0]
        return led

    def _exchanged(self, value: object) -> list[Any]:
        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value, group=self.loading)
        return values

    def _stop(self, values: list[Any]) -> NoReturn:
        """End this process, which has not failed, for others have."""
        elsewhere = values[self.local_size :] if self.first else []
        told = [f"on {one.host}: {one.message}" for one in elsewhere if isinstance(one, Failure)]
        for line in dict.fromkeys(told):
            print(f"error {line}", file=sys.stderr)
        raise SystemExit(1)


@contextmanager
def join(device: Device) -> Iterator[Group]:
    """Join the other processes that `torchrun` started, if it did: gloo on CPUs, nccl on GPUs.

    Raises:
        ConfigError: CUDA is asked for and PyTorch finds none, or fewer GPUs than processes, or the
            environment is not as `torchrun` makes it.
        LostError: another process has ended, or cannot be reached.
    """
    size = _environment("WORLD_SIZE") if "WORLD_SIZE" in os.environ else 1
    if size == 1:
        yield Group(pick_device(device))
        return
    local_rank, local_size = _environment("LOCAL_RANK"), _environment("LOCAL_WORLD_SIZE")
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
    with _noticing_the_lost():
        distributed.init_process_group(BACKENDS[picked.type], timeout=STEP)
        try:
            loading = distributed.new_group(backend="gloo", timeout=LOADING)
            yield Group(picked, distributed.get_rank(), size, local_rank, local_size, loading)
        finally:
            distributed.destroy_process_group()


@contextmanager
def _noticing_the_lost() -> Iterator[None]:
    """Say what it means that another process does not answer."""
    try:
        yield
    except RuntimeError as error:
        of_gloo = "gloo" in str(error) and not isinstance(
            error, UserError
        )  # it has none of its own
        if not (of_gloo or isinstance(error, distributed.DistError)):
            raise
        reason = " ".join(str(error).split("] ", 1)[-1].partition(". ")[0].split())
        raise LostError(
            f"another process of this training has ended or cannot be reached ({reason}); its own "
            "output, or its machine, says why. Start all of them again with --resume: they go on "
            "after the last finished epoch"
        ) from error


def _environment(name: str) -> int:
    """Read one of the numbers that `torchrun` sets."""
    value = os.environ.get(name, "")
    if not value.isdecimal():
        raise ConfigError(
            f"the environment variable {name} must be a number, as torchrun sets it, got "
            f"{value!r}; start with torchrun, or unset WORLD_SIZE to train in one process"
        )
    return int(value)


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
