"""LiteRT: the layers as a .tflite file, which XNNPACK computes."""

from functools import partial
from typing import Any

import numpy as np

from .given import Array, Call, Callers, Given, Peer, Ways, blocks, called, each, number_of, out

ALIGNMENT = 64  # of the bytes of memory that LiteRT takes as it is


def litert(given: Given) -> Peer:
    """Compiled for each number of rows; results go into the caller's memory."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.cpu_options import CpuOptions
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator
    from ai_edge_litert.options import Options
    from ai_edge_litert.tensor_buffer import TensorBuffer

    callers = Callers(given.threads)

    def compiled(operation: str, rows: int, threads: int) -> Any:
        options = Options(
            hardware_accelerators=HardwareAccelerator.CPU,
            cpu_options=CpuOptions(num_threads=threads),
        )
        return CompiledModel.from_buffer(
            written(given.weights(operation), operation, rows), options=options
        )

    def ways(operation: str, count: int) -> Ways:
        parts = blocks(count, given.threads)

        def make(rows: Array, threads: int, parts: list[slice], *, calling: bool) -> Call:
            size = parts[0].stop
            results = [aligned(array) for array in out(operation, count)]
            models = [
                compiled(operation, size, threads) for _ in range(given.threads if calling else 1)
            ]
            inputs = [model.create_input_buffers(0) for model in models]
            # LiteRT itself copies a block that begins elsewhere, and its results stay in the copy.
            moved = {
                part.start: any(array[part].ctypes.data % ALIGNMENT for array in results)
                for part in parts
            }
            places = {
                part.start: [
                    aligned(array[part]) if moved[part.start] else array[part] for array in results
                ]
                for part in parts
            }
            outputs = {
                start: [TensorBuffer.create_from_host_memory(place) for place in some]
                for start, some in places.items()
            }

            def work(part: slice, caller: int) -> None:
                inputs[caller][0].write(rows[part])
                models[caller].run_by_index(0, inputs[caller], outputs[part.start])
                if moved[part.start]:
                    for array, place in zip(results, places[part.start], strict=True):
                        array[part] = place

            def call() -> list[Array]:
                each(work, parts, callers if calling else None)
                return results

            return call

        whole, found = [slice(0, count)], {}
        for threads in (1, given.threads):
            told = number_of(threads)
            found[told] = partial(make, threads=threads, parts=whole, calling=False)
            if len(parts) > 1:
                found[f"{told}, blocks"] = partial(
                    make, threads=threads, parts=parts, calling=False
                )
        if len(parts) > 1:
            found[f"{given.threads} callers, blocks"] = partial(
                make, threads=1, parts=parts, calling=True
            )
        return found

    return Peer(called("ai-edge-litert", "XNNPACK", "LiteRT"), ways)


def aligned(array: Array) -> Array:
    """The same numbers where LiteRT need not copy them."""
    raw = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    result = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    result[:] = array
    return result


def written(weights: dict[str, Array], operation: str, rows: int) -> bytes:
    """The .tflite file: dense layers, a ReLU within the first, a sigmoid at the decoder's end."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    file, graph = schema.ModelT(), schema.SubGraphT()
    file.version, file.subgraphs, file.buffers = 3, [graph], [schema.BufferT()]
    graph.tensors, graph.operators = [], []

    def tensor(name: str, *shape: int, values: Array | None = None) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.type = name.encode(), list(shape), schema.TensorType.FLOAT32
        made.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            file.buffers.append(buffer)
            made.buffer = len(file.buffers) - 1
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def operator(code: int, inputs: list[int], outputs: list[int], options: Any = None) -> None:
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = codes.index(code), inputs, outputs
        if options is not None:
            made.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
            made.builtinOptions = options
        graph.operators.append(made)

    def dense(name: str, given: int, result: str, *, relu: bool = False) -> int:
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = (
            schema.ActivationFunctionType.RELU if relu else schema.ActivationFunctionType.NONE
        )
        made = tensor(result, rows, len(bias))
        inputs = [
            given,
            tensor(f"{name}.weight", *weight.shape, values=weight),
            tensor(f"{name}.bias", *bias.shape, values=bias),
        ]
        operator(schema.BuiltinOperator.FULLY_CONNECTED, inputs, [made], options)
        return made

    codes = [schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.LOGISTIC]
    file.operatorCodes = []
    for code in codes:
        made = schema.OperatorCodeT()
        made.builtinCode = made.deprecatedBuiltinCode = code
        made.version = 1
        file.operatorCodes.append(made)

    name, width = ("z", 2) if operation == "decode" else ("x", 784)
    entry = tensor(name, rows, width)
    hidden = dense("hidden", entry, "h", relu=True)
    if operation == "decode":
        logits = dense("logits", hidden, "y")
        results = [tensor("x_recon", rows, 784)]
        operator(schema.BuiltinOperator.LOGISTIC, [logits], results)
    else:
        results = [dense(name, hidden, name) for name in ("mu", "log_var")]
    graph.inputs, graph.outputs = [entry], results

    builder = flatbuffers.Builder(1 << 22)
    builder.Finish(file.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
