"""What makes a process train faster on this machine, a CPU most of all."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

M_TRIM_THRESHOLD: Final = -1  # of glibc's mallopt
M_MMAP_THRESHOLD: Final = -3


@contextmanager
def tuned() -> Iterator[None]:
    """Tune the process for training; to be entered before its first parallel operation.

    The tiniest numbers, denormals, are taken for 0: Adam's averages for the weights of unused
    pixels decay to them, and CPUs are many times slower on them. Threads have this setting from
    the one that starts them, hence the order. After it, this thread alone has it no longer.
    """
    _keep_freed_memory()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _keep_freed_memory() -> None:
    """Have the memory of one step at hand for the next, where the C library is glibc.

    It would go back to the system and come again page by page, a tenth of a step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # Windows, macOS, musl
        return
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_MMAP_THRESHOLD, 2**25)  # the largest that it takes


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 by instructions of its own."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    known = torch.cpu.get_capabilities()
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
