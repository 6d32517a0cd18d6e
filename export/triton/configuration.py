"""What Triton's config.pbtxt says of a graph, and of the two in a row."""

import json
from dataclasses import dataclass
from typing import Final, Literal

from export import checks
from export.errors import ConfigError
from vae_onnx.serving.layout import Layout, Offered, Tensor

Processor = Literal["cpu", "gpu"]

_NEXT: Final = ",\n"


@dataclass(frozen=True)
class Batching:
    """How Triton shares out the work."""

    max_batch_size: int = 256
    """Rows of a batch at the most, those of a single request too."""

    max_delay_ms: float = 1.0
    """How long a request may wait for others to be computed with."""

    device: Processor = "cpu"
    """What the graphs run on: "cpu", or each GPU that Triton sees ("gpu")."""

    instances: int = 1
    """Copies of each graph that run at once, on the CPU or on each GPU."""

    def __post_init__(self) -> None:
        """Refuse what Triton would.

        Raises:
            ConfigError: naming the option, what it takes and what it was given.
        """
        checks.choices(self, {"device": Processor})
        checks.integers(self, ("max_batch_size", "instances"), 1)
        checks.at_least_zero(self, ("max_delay_ms",))
        if self.max_delay_ms > 10_000:
            raise ConfigError(
                f"max_delay_ms must be at most 10,000, ten seconds, got {self.max_delay_ms}"
            )

    @property
    def kind(self) -> str:
        """The device as Triton spells it."""
        return f"KIND_{self.device.upper()}"


def graph(offered: Offered, batching: Batching) -> str:
    """Return config.pbtxt of a model that is one graph."""
    return f"""{_ports(offered, batching)}
backend: "onnxruntime"
default_model_filename: "model.onnx"
instance_group [ {{ count: {batching.instances} kind: {batching.kind} }} ]
dynamic_batching {{ max_queue_delay_microseconds: {round(batching.max_delay_ms * 1000)} }}
"""


def ensemble(layout: Layout, batching: Batching) -> str:
    """Return config.pbtxt of the model that encodes and decodes: x -> z -> x_recon."""
    encoder, decoder = layout.encoder, layout.decoder
    (x_recon,) = decoder.outputs
    steps = (
        _step(encoder.name, {encoder.input.name: "x"}, {layout.code: "z"}),
        _step(decoder.name, {decoder.input.name: "z"}, {x_recon.name: "x_recon"}),
    )
    return f"""{_ports(layout.reconstruct, batching)}
platform: "ensemble"
ensemble_scheduling {{
  step [
{_NEXT.join(steps)}
  ]
}}
"""


def _ports(offered: Offered, batching: Batching) -> str:
    outputs = ",".join(map(_port, offered.outputs))
    return f"""name: {json.dumps(offered.name)}
max_batch_size: {batching.max_batch_size}
input [{_port(offered.input)} ]
output [{outputs} ]"""


def _port(tensor: Tensor) -> str:
    dims = ", ".join(map(str, tensor.row))  # of a row: Triton adds the batch itself
    return f' {{ name: "{tensor.name}" data_type: TYPE_{tensor.datatype} dims: [ {dims} ] }}'


def _step(model: str, inputs: dict[str, str], outputs: dict[str, str]) -> str:
    maps = [
        f'      {kind} {{ key: "{key}" value: "{value}" }}\n'
        for kind, ports in (("input_map", inputs), ("output_map", outputs))
        for key, value in ports.items()
    ]
    head = f"    {{\n      model_name: {json.dumps(model)}\n      model_version: -1\n"
    return f"{head}{''.join(maps)}    }}"
