"""What the machine has: its processor's features, and how much of it this process may use."""

from __future__ import annotations

import math
import platform
import re
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vae_onnx.doctor.report import Check, Finding

GROUP: Final = "machine"
CPUINFO: Final = Path("/proc/cpuinfo")

# What makes matrix products fast -> the flags that tell of it, in /proc/cpuinfo or from sysctl.
X86: Final[Mapping[str, tuple[str, ...]]] = {
    "AVX2": ("avx2", "hw.optional.avx2_0"),
    "AVX512": ("avx512f", "hw.optional.avx512f"),
    "VNNI": ("avx512_vnni", "avx_vnni", "hw.optional.avx512vnni"),
    "BF16": ("avx512_bf16",),
    "AMX": ("amx_tile",),
}
ARM: Final[Mapping[str, tuple[str, ...]]] = {
    "DotProd": ("asimddp", "hw.optional.arm.FEAT_DotProd"),
    "I8MM": ("i8mm", "hw.optional.arm.FEAT_I8MM"),
    "BF16": ("bf16", "hw.optional.arm.FEAT_BF16"),
    "SVE": ("sve",),
}


def cpu_text(system: str) -> str:
    """Return what the system tells of the processor: /proc/cpuinfo or sysctl, "" elsewhere."""
    try:
        if system == "Linux":
            return CPUINFO.read_text("utf-8", errors="replace")
        if system == "Darwin":
            command = ["/usr/sbin/sysctl", "machdep.cpu", "hw.optional"]
            return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        pass
    return ""


def cpu_name(text: str) -> str | None:
    """Return the processor's name in /proc/cpuinfo or in what sysctl prints."""
    found = re.search(r"^(?:model name|machdep\.cpu\.brand_string)\s*: *(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else None


def cpu_features(text: str) -> dict[str, bool] | None:
    """Return which features that matter to speed the processor has, None where nobody tells."""
    flags = re.search(r"^(?:flags|Features)\s*: *(.*)$", text, re.MULTILINE)
    has = set(flags[1].split()) if flags else set(re.findall(r"^(\S+): 1$", text, re.MULTILINE))
    if not has:
        return None
    arm = "asimd" in has or any(flag.startswith("hw.optional.arm") for flag in has)
    return {name: bool(has & set(signs)) for name, signs in (ARM if arm else X86).items()}


def check_platform() -> Check:
    """The operating system."""
    system, architecture = platform.system(), platform.machine()
    libc = " ".join(platform.libc_ver()).strip()  # on Linux it decides which wheels fit
    release = libc or platform.mac_ver()[0] or platform.release()
    facts = {"system": system, "machine": architecture, "release": release}
    return Check("platform", GROUP, "platform", f"{system} {architecture}, {release}", facts)


def check_cpu(text: str) -> Check:
    """The processor; it is as it is, so that nothing of it is a finding."""
    name, features = cpu_name(text), cpu_features(text)
    value = name or "unknown"
    if features:
        has = [feature for feature, there in features.items() if there]
        lacks = [feature for feature, there in features.items() if not there]
        value += f"  with {', '.join(has) or 'nothing'}"
        value += f", without {', '.join(lacks)}" if lacks else ""
    return Check("cpu", GROUP, "CPU", value, {"name": name, "features": features})


def check_threads(threads: int, cores: int, affinity: int, quota: float) -> Check:
    """How many threads share the work, and why.

    Args:
        threads: What `vae_onnx.engine.threads.available` has decided.
        cores: Of the machine.
        affinity: How many of them this process may run on.
        quota: CPUs that the cgroup may use on average; infinity without a limit.
    """
    limited = math.isfinite(quota)
    findings = []
    if quota < 1:
        message = (
            f"The cgroup grants {quota:g} of one CPU: the process is stopped again and again in "
            "the middle of its work. Grant a whole one, in Kubernetes by resources.limits.cpu."
        )
        command = f"docker update --cpus 1 {socket.gethostname()}"
        findings.append(Finding("cpu-quota", "warning", message, command))
    value = f"{threads}  of {cores} cores, affinity {affinity}, "
    value += f"cgroup quota {quota:g}" if limited else "no cgroup quota"
    facts = {
        "threads": threads,
        "cores": cores,
        "affinity": affinity,
        "quota": quota if limited else None,
    }
    return Check("threads", GROUP, "threads", value, facts, findings)
