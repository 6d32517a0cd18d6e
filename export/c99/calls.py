"""The bodies of the functions of a header: a call for each layer of a network."""

from collections.abc import Mapping
from typing import Final

from export.c99.int8 import Rounded
from export.c99.weights import Dense, Layers, Network

PIXEL: Final = {
    "": "x_recon[i]",
    "relu": "fmaxf(x_recon[i], 0.0f)",
    "sigmoid": "name_sigmoid(x_recon[i])",
    "silu": "x_recon[i] * name_sigmoid(x_recon[i])",
    "tanh": "tanhf(x_recon[i])",
}


def encoder_body(network: Network) -> str:
    """Write x -> the codes."""
    named = network.named()
    trunk = dict(list(named.items())[: len(network.encoder)])
    lines, source, size = _chain(trunk, "x", "PIXELS", ("h", "g"))
    declared, spare = [*_buffers(trunk, ("h", "g"))], [0, 0]
    at = len(trunk)
    for head, layers in network.heads.items():
        of_head = dict(list(named.items())[at : at + len(layers)])
        at += len(layers)
        calls, *_ = _chain(of_head, source, size, ("t", "u"), (head, "LATENT_DIM"))
        lines += calls
        units = [len(layer.bias) for layer in layers[:-1]]
        spare = [max([known, *units[i::2]]) for i, known in enumerate(spare)]
    declared += [f"{name}[{units}]" for name, units in zip(("t", "u"), spare, strict=True) if units]
    return _function(declared, lines)


def decoder_body(network: Network) -> str:
    """Write z -> x_recon."""
    hidden = {name: layer for name, layer in _decoder(network).items() if name != "logits"}
    lines, source, size = _chain(hidden, "z", "LATENT_DIM", ("h", "g"))
    last = network.decoder[-1]
    lines.append(_call("logits", last, source, size, "PIXELS", "x_recon"))
    pixel = PIXEL[last.activation]
    if (network.scale, network.shift) != (1.0, 0.0):
        pixel = f"{network.scale!r}f * {pixel} + {network.shift!r}f"
    if network.clip:
        pixel = f"fminf(fmaxf({pixel}, 0.0f), 1.0f)"
    declared = _buffers(hidden, ("h", "g"))
    if pixel == "x_recon[i]":
        return _function(declared, lines)
    lines.append(f"    for (i = 0; i < NAME_PIXELS; ++i)\n        x_recon[i] = {pixel};")
    return _function(declared, lines, "int i")


def stack(network: Network) -> int:
    """Count the bytes of the buffers that a call has at once."""

    def largest(layers: Layers) -> int:
        units = [len(layer.bias) for layer in layers]
        return sum(max(units[i::2], default=0) for i in (0, 1))

    heads = max(largest(layers[:-1]) for layers in network.heads.values())
    return 4 * max(largest(network.encoder) + heads, largest(network.decoder[:-1]))


def activations(network: Network) -> set[str]:
    """Return the activations of hidden layers, which are functions of their own."""
    heads = [layer for layers in network.heads.values() for layer in layers]
    hidden = (*network.encoder, *heads, *network.decoder[:-1])
    return {layer.activation for layer in hidden} - {""}


def _decoder(network: Network) -> dict[str, Dense]:
    named = list(network.named().items())
    return dict(named[len(named) - len(network.decoder) :])


def _chain(
    named: Mapping[str, Dense],
    source: str,
    size: str,
    buffers: tuple[str, str],
    target: tuple[str, str] | None = None,
) -> tuple[list[str], str, str]:
    """Write layers one after another; returns also where the numbers are then, and their count."""
    lines = []
    for number, (name, layer) in enumerate(named.items()):
        to, units = buffers[number % 2], f"{name.upper()}_UNITS"
        if target and number == len(named) - 1:
            to, units = target
        lines.append(_call(name, layer, source, size, units, to))
        if layer.activation:
            plural = "s" if layer.activation == "sigmoid" else ""
            lines.append(f"    name_{layer.activation}{plural}({to}, NAME_{units});")
        source, size = to, units
    return lines, source, size


def _buffers(named: Mapping[str, Dense], names: tuple[str, str]) -> list[str]:
    """Declare what the layers write to in turns: each as large as the largest that it takes."""
    layers = list(named.items())
    declared = []
    for turn, buffer in enumerate(names):
        taken = layers[turn::2]
        if taken:
            name, _ = max(taken, key=lambda each: len(each[1].bias))
            declared.append(f"{buffer}[NAME_{name.upper()}_UNITS]")
    return declared


def _function(declared: list[str], lines: list[str], *others: str) -> str:
    floats = [f"    float {', '.join(declared)};"] if declared else []
    return "\n".join([*floats, *(f"    {other};" for other in others), *lines])


def _call(name: str, layer: Dense, x: str, inputs: str, outputs: str, y: str) -> str:
    """Write the call that computes a layer, before its activation."""
    int8, scale = ("_int8", f"name_{name}_scale, ") if isinstance(layer, Rounded) else ("", "")
    return (
        f"    name_affine{int8}({x}, NAME_{inputs}, name_{name}_weight, {scale}name_{name}_bias,\n"
        f"        NAME_{outputs}, {y});"
    )
