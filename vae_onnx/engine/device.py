"""Where a graph runs: which execution provider of onnxruntime, found how, and what ran where."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import onnxruntime as ort

from vae_onnx.engine.providers import CPU, KNOWN, add_provider, check_available
from vae_onnx.errors import DeviceError, DeviceWarning, InputError, InputTypeError

Provider = str | tuple[str, Mapping[str, Any]]  # as onnxruntime spells it, with or without options

_warned: set[str] = set()  # of what was said once already


class Device(NamedTuple):
    """One way to run a graph: execution providers in order, each asked for the nodes left over.

    Attributes:
        name: "cpu", "cuda" ..., or the name of the first of `providers`.
        providers: (name, options) pairs, as onnxruntime spells them.
        strict: Whether every node must run on the first of them.
        fallback: Where to run instead if this cannot be had; None raises the error.
        spin: Whether onnxruntime's threads wait actively between calls, too.
    """

    name: str
    providers: tuple[tuple[str, Mapping[str, str]], ...]
    strict: bool = False
    fallback: Device | None = None
    spin: bool = False

    @property
    def provider(self) -> str:
        """The execution provider that is meant to do the work."""
        return self.providers[0][0]

    @property
    def on_cpu(self) -> bool:
        """Whether that is onnxruntime's own for the CPU."""
        return self.provider == CPU

    def open(self, content: bytes, threads: int = 1) -> tuple[ort.InferenceSession, Device]:
        """Open a graph; return the session, and the device that it really is on.

        Args:
            content: The ONNX file.
            threads: Of onnxruntime's own, on the CPU: they share the work within a call.

        Raises:
            DeviceError: The device cannot be had, or runs none of the graph or, if strict, not all.
            Exception: What onnxruntime raises about a graph that it cannot run at all.
        """
        try:
            return self._open(content, threads), self
        except DeviceError as error:
            if self.fallback is None:
                raise
            _warn_once(f"running on the {self.fallback.name} instead: {error}")
            return self.fallback.open(content, threads)

    def _open(self, content: bytes, threads: int) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        # Waking a sleeping thread for each operator would take up what it gains.
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(threads > 1)))
        stop = str(int(not self.spin))  # after each call, not 45 ms later
        options.add_session_config_entry("session.force_spinning_stop", stop)
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if self.on_cpu:
            return ort.InferenceSession(content, options, providers=[CPU], enable_fallback=0)
        ort.InferenceSession(content, providers=[CPU], enable_fallback=0)  # the graph's own faults
        try:
            for provider, settings in self.providers:
                add_provider(options, provider, settings)
            session = ort.InferenceSession(content, options, enable_fallback=0)
        except DeviceError:
            raise
        except Exception as error:  # onnxruntime's errors share no base class
            raise DeviceError(f"{self._fails()}; onnxruntime says: {error}") from error
        self._check(session)
        return session

    def _check(self, session: ort.InferenceSession) -> None:
        """See that the device does what it was asked for; onnxruntime would not tell."""
        if self.provider not in session.get_providers():
            raise DeviceError(f"{self._fails()}; onnxruntime left it out without a word")
        placed = placement(session)
        elsewhere = sorted(node for node, where in placed.items() if where != self.provider)
        if len(elsewhere) == len(placed):
            raise DeviceError(
                f"{self.provider} takes none of the {len(placed)} nodes of the graph, all would "
                "run on the CPU; ask for device='cpu', or for another device"
            )
        if self.strict and elsewhere:
            raise DeviceError(
                f"strict: all {len(placed)} nodes must run on {self.provider}, but it leaves "
                f"{', '.join(elsewhere)} to {placed[elsewhere[0]]}; use strict=False to allow that"
            )

    def _fails(self) -> str:
        return (
            f"{self.provider} is installed but does not start on this machine with the options "
            f"{dict(self.providers[0][1])}; `vae-onnx doctor` looks for the reason"
        )


def pick(
    device: str | Device = "auto",
    providers: Sequence[Provider] | None = None,
    *,
    strict: bool = False,
) -> Device:
    """Turn what a caller asks for into a device.

    Args:
        device: A name in `KNOWN`, or a device picked before; "auto" is an NVIDIA GPU where
            onnxruntime has been installed for one, else the CPU. So small a model gains nothing
            from other devices.
        providers: Execution providers instead, names or (name, options), in order.
        strict: Whether every node of a graph must run on the device.

    Raises:
        InputTypeError: An argument is of another type.
        InputError: No device has that name, both are given, or `providers` is empty.
        DeviceError: A provider is not installed, or finds no hardware of its own.
    """
    if providers is not None:
        if device != "auto":
            raise InputError(f"give device or providers, not both, got {device!r} and {providers}")
        asked = tuple(_provider(provider) for provider in _listed(providers))
        for name, _ in asked:
            check_available(name)
        return Device(asked[0][0], asked, strict)
    if isinstance(device, Device):
        return device
    if not isinstance(device, str):
        raise InputTypeError(f"device must be a name, got {type(device).__name__}")
    if device == "auto":
        cpu = _named("cpu", strict)
        return _named("cuda", strict, fallback=cpu) if is_available("cuda") else cpu
    if device not in KNOWN:
        raise InputError(f"device must be auto, {', '.join(KNOWN)}, got {device!r}")
    check_available(KNOWN[device].provider)
    return _named(device, strict)


def is_available(device: str) -> bool:
    """Whether onnxruntime has the provider of a device in `KNOWN`; it may yet refuse to start."""
    try:
        check_available(KNOWN[device].provider)
    except DeviceError:
        return False
    return True


def placement(session: ort.InferenceSession) -> dict[str, str]:
    """Return which execution provider runs each node, by onnxruntime's own record.

    The nodes are those of the graph as onnxruntime has simplified it, before it fuses some. One
    without a name goes by its operator.
    """
    placed: dict[str, str] = {}
    for subgraph in session.get_provider_graph_assignment_info():
        for node in subgraph.get_nodes():
            name = node.name or node.op_type
            placed[name if name not in placed else f"{name} ({len(placed)})"] = subgraph.ep_name
    return placed


def operators(session: ort.InferenceSession) -> set[str]:
    """Return the operators of a graph, as onnxruntime has simplified it."""
    groups = session.get_provider_graph_assignment_info()
    return {node.op_type for group in groups for node in group.get_nodes()}


def _named(name: str, strict: bool, fallback: Device | None = None) -> Device:
    known = KNOWN[name]
    return Device(name, ((known.provider, dict(known.options)),), strict, fallback)


def _listed(providers: Any) -> list[Any]:
    if isinstance(providers, str) or not isinstance(providers, Sequence):
        raise InputTypeError(
            f"providers must be a list such as ['{CPU}'], got {type(providers).__name__}"
        )
    if not providers:
        raise InputError(f"providers must name at least one, such as '{CPU}', got none")
    return list(providers)


def _provider(provider: Any) -> tuple[str, Mapping[str, str]]:
    match provider:
        case str(name):
            return name, {}
        case (str(name), Mapping() as options):
            return name, {str(key): str(value) for key, value in options.items()}
    raise InputTypeError(
        f"each of providers must be a name or (name, options), got {provider!r}, as in "
        "[('CUDAExecutionProvider', {'device_id': 0}), 'CPUExecutionProvider']"
    )


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, DeviceWarning, stacklevel=2)
