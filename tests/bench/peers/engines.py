"""Engines that read the graphs as they are: bare onnxruntime, OpenVINO, tract.

They are opened anew whenever a peer begins to compute: what they need for many rows they keep.
"""

import numpy as np

from .given import (
    OUTPUTS,
    SHAPES,
    WIDTHS,
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


def onnxruntime(given: Given) -> Peer:
    """Bare sessions: one thread or all, spinning or not, one call or blocks, bound or not."""
    import onnxruntime as ort

    def session(operation: str, threads: int, *, spinning: bool) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
        path = str(given.graph(operation))
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    callers = Callers(given.threads)

    def ways(operation: str, count: int) -> Ways:
        (name,) = {"decode": ["z"], "encode": ["x"]}[operation]
        parts = blocks(count, given.threads)

        def run(rows: Array, threads: int, *, spinning: bool) -> Call:
            rows = rows.reshape(-1, *SHAPES[operation])
            opened = session(operation, threads, spinning=spinning)
            return lambda: opened.run(None, {name: rows})

        def bound(
            rows: Array, threads: int, parts: list[slice], *, spinning: bool, calling: bool = False
        ) -> Call:
            """Write the results where they are wanted."""
            rows, results = rows.reshape(-1, *SHAPES[operation]), out(operation, len(rows))
            opened = session(operation, threads, spinning=spinning)
            bindings = {}
            for part in parts:
                binding = bindings[part.start] = opened.io_binding()
                block = rows[part]
                binding.bind_input(name, "cpu", 0, np.float32, block.shape, block.ctypes.data)
                for output, array in zip(OUTPUTS[operation], results, strict=True):
                    into = array[part]
                    shape = (len(into), *SHAPES["encode"]) if output == "x_recon" else into.shape
                    binding.bind_output(output, "cpu", 0, np.float32, shape, into.ctypes.data)

            def work(part: slice, _: int) -> None:
                opened.run_with_iobinding(bindings[part.start])

            def call(_keep: Array = rows) -> list[Array]:
                each(work, parts, callers if calling else None)
                return results

            return call

        found, whole = {}, [slice(0, count)]
        for threads, spinning in {(1, False), (given.threads, True), (given.threads, False)}:
            told = number_of(threads) + (
                ", spinning" if spinning else ", sleeping" if threads > 1 else ""
            )
            options = {"threads": threads, "spinning": spinning}
            found[told] = lambda rows, options=options: run(rows, **options)
            if len(parts) > 1:
                found[f"{told}, bound"] = lambda rows, o=options: bound(rows, parts=whole, **o)
                found[f"{told}, blocks"] = lambda rows, o=options: bound(rows, parts=parts, **o)
        if len(parts) > 1 and given.threads > 1:
            found[f"{given.threads} callers, blocks"] = lambda rows: bound(
                rows, 1, parts, spinning=False, calling=True
            )
        return dict(sorted(found.items()))

    return Peer(f"bare {called('onnxruntime')}", ways)


def openvino_latency(given: Given) -> Peer:
    """One request, as its documentation recommends for latency; blocks of many rows."""
    return _openvino(given, "LATENCY")


def openvino_throughput(given: Given) -> Peer:
    """Several requests at once, as many as OpenVINO asks for."""
    return _openvino(given, "THROUGHPUT")


def _openvino(given: Given, hint: str) -> Peer:
    import openvino as ov

    core = ov.Core()
    options = {
        "PERFORMANCE_HINT": hint,
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": given.threads,
    }

    def compiled(operation: str, rows: int) -> ov.CompiledModel:
        model = core.read_model(given.graph(operation))
        model.reshape([rows, *SHAPES[operation]])
        return core.compile_model(model, "CPU", options)

    def ways(operation: str, count: int) -> Ways:
        parts = blocks(count, given.threads)

        def make(rows: Array, parts: list[slice]) -> Call:
            rows, results = rows.reshape(-1, *SHAPES[operation]), out(operation, len(rows))
            shaped = [
                array.reshape(
                    -1, *(SHAPES["encode"] if array.shape[1] == WIDTHS["x_recon"] else (2,))
                )
                for array in results
            ]
            model = compiled(operation, parts[0].stop)
            tensors = [
                (
                    ov.Tensor(rows[part], shared_memory=True),
                    [ov.Tensor(array[part], shared_memory=True) for array in shaped],
                )
                for part in parts
            ]
            if len(parts) == 1:
                request = model.create_infer_request()
                ((given_rows, into),) = tensors
                request.set_input_tensor(given_rows)
                for index, tensor in enumerate(into):
                    request.set_output_tensor(index, tensor)

                def call(_keep: Array = rows) -> list[Array]:
                    request.infer(share_outputs=True)
                    return results

                return call
            queue = ov.AsyncInferQueue(model)  # as many requests as are best for the hint

            def calls(_keep: Array = rows) -> list[Array]:
                for given_rows, into in tensors:
                    request = queue[queue.get_idle_request_id()]
                    request.set_input_tensor(given_rows)
                    for index, tensor in enumerate(into):
                        request.set_output_tensor(index, tensor)
                    queue.start_async()
                queue.wait_all()
                return results

            return calls

        told = number_of(given.threads)
        found = {told: lambda rows: make(rows, [slice(0, count)])}
        if len(parts) > 1:
            found[f"{told}, blocks"] = lambda rows: make(rows, parts)
        return found

    release = ".".join(ov.__version__.split("-")[0].split(".")[:3])
    return Peer(f"OpenVINO {release}, {hint.lower()}", ways)


def tract(given: Given) -> Peer:
    """A graph optimised for each number of rows, on the thread that calls it."""
    import tract as engine

    onnx = engine.onnx()
    callers = Callers(given.threads)

    def runnable(operation: str, rows: int) -> engine.Runnable:
        model = onnx.load(given.graph(operation))
        shape = ",".join(map(str, (rows, *SHAPES[operation])))
        model.set_input_fact(0, f"{shape},f32")
        return model.into_model().into_runnable()

    def ways(operation: str, count: int) -> Ways:
        parts = blocks(count, given.threads)

        def one(rows: Array) -> Call:
            rows, model = rows.reshape(-1, *SHAPES[operation]), runnable(operation, count)
            return lambda: [result.to_numpy() for result in model.run([rows])]

        def many(rows: Array) -> Call:
            rows, results = rows.reshape(-1, *SHAPES[operation]), out(operation, count)
            model = runnable(operation, parts[0].stop)

            def work(part: slice, _: int) -> None:
                for array, result in zip(results, model.run([rows[part]]), strict=True):
                    array[part] = result.to_numpy().reshape(array[part].shape)

            def call() -> list[Array]:
                callers.each(work, parts)
                return results

            return call

        found = {"1 thread": one}
        if len(parts) > 1:
            found[f"{given.threads} callers, blocks"] = many
        return found

    return Peer(called("tract"), ways)
