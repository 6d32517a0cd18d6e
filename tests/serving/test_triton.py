"""`python -m export triton`, read back with Triton's own protocol buffers."""

import shutil

import numpy as np
import onnxruntime as ort
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup

import vae_onnx
from export import __main__ as command_line

NUMBERS = {model_config_pb2.TYPE_FP32: "tensor(float)"}


@pytest.fixture
def run(capsys):
    """Run the command in this process; returns exit code, stdout and stderr."""

    def run(*arguments):
        try:
            code = command_line.main(["triton", *map(str, arguments)])
        except SystemExit as stop:
            code = stop.code
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def name_of(model):
    return model.metadata.get("name", model.folder.name)


def configs(repository):
    """Each model's configuration, by the model's folder."""
    return {
        path.parent.name: text_format.Parse(path.read_text("utf-8"), ModelConfig())
        for path in repository.glob("*/config.pbtxt")
    }


def told(ports):
    """Names, number types and dimensions of a configuration's inputs or outputs."""
    return {port.name: (NUMBERS[port.data_type], list(port.dims)) for port in ports}


def meant(ports):
    """The same of a session's, without the batch, which Triton adds."""
    return {
        port.name: (port.type, [size if isinstance(size, int) else -1 for size in port.shape[1:]])
        for port in ports
    }


def test_every_field_agrees_with_the_graphs(any_model, run, tmp_path):
    name = name_of(any_model)
    code, _, err = run(any_model.folder, tmp_path / "repository")
    assert (code, err) == (0, "")
    found = configs(tmp_path / "repository")
    assert set(found) == {name, f"{name}-encoder", f"{name}-decoder"}
    for folder, config in found.items():
        assert config.name == folder
        assert config.max_batch_size == 256
    for part in ("encoder", "decoder"):
        config, folder = found[f"{name}-{part}"], tmp_path / "repository" / f"{name}-{part}"
        graph = folder / "1" / config.default_model_filename
        assert graph.read_bytes() == (any_model.folder / f"{part}.onnx").read_bytes()
        session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
        assert told(config.input) == meant(session.get_inputs())
        assert told(config.output) == meant(session.get_outputs())
        assert isinstance(session.get_inputs()[0].shape[0], str)  # a batch of any size
        assert config.backend == "onnxruntime"
        assert config.dynamic_batching.max_queue_delay_microseconds == 1000
        assert [(g.count, g.kind) for g in config.instance_group] == [
            (1, ModelInstanceGroup.KIND_CPU)
        ]


def test_the_ensemble_connects_what_there_is(any_model, run, tmp_path):
    run(any_model.folder, tmp_path / "repository")
    found = configs(tmp_path / "repository")
    ensemble = found[name_of(any_model)]
    assert ensemble.platform == "ensemble"
    assert not ensemble.instance_group  # which Triton refuses of an ensemble
    assert not ensemble.HasField("dynamic_batching")
    known = told(ensemble.input)  # tensors so far, in the order of the steps
    for step in ensemble.ensemble_scheduling.step:
        model = found[step.model_name]
        assert step.model_version == -1
        inputs, outputs = told(model.input), told(model.output)
        assert set(step.input_map) == set(inputs)  # all of them, as Triton wants
        assert {port: known[tensor] for port, tensor in step.input_map.items()} == inputs
        known |= {tensor: outputs[port] for port, tensor in step.output_map.items()}
    assert {name: known[name] for name in told(ensemble.output)} == told(ensemble.output)
    first = ensemble.ensemble_scheduling.step[0]
    assert dict(first.output_map) == {"mu" if any_model.kind == "vae" else "z": "z"}
    assert (tmp_path / "repository" / ensemble.name / "1").is_dir()


def test_the_steps_give_what_reconstruct_gives(any_model, run, tmp_path):
    """As Triton goes through them: each graph of the repository on the tensors that are mapped."""
    run(any_model.folder, tmp_path / "repository")
    found = configs(tmp_path / "repository")
    shape = [size if size > 0 else 4 * any_model.size_multiple for size in any_model.image_shape]
    x = np.random.default_rng(0).random((3, *shape), np.float32)
    tensors = {"x": x}
    for step in found[name_of(any_model)].ensemble_scheduling.step:
        graph = tmp_path / "repository" / step.model_name / "1" / "model.onnx"
        session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
        given = {port: tensors[tensor] for port, tensor in step.input_map.items()}
        values = session.run(list(step.output_map), given)
        tensors |= dict(zip(step.output_map.values(), values, strict=True))
    expected = any_model.decoder.to_x_recon(any_model.encode(x))
    np.testing.assert_allclose(tensors["x_recon"], expected, rtol=0, atol=1e-6)


def test_options_reach_the_configuration(run, tmp_path):
    options = "--max-batch-size 64 --max-delay-ms 2.5 --device gpu --instances 2 --name digits"
    code, out, _ = run("mnist-vae", tmp_path / "r", "--precision", "int8", *options.split())
    assert code == 0
    assert f"{tmp_path / 'r' / 'digits-encoder'}: x -> mu, log_var" in out
    found = configs(tmp_path / "r")
    assert set(found) == {"digits", "digits-encoder", "digits-decoder"}
    encoder = found["digits-encoder"]
    assert {config.max_batch_size for config in found.values()} == {64}
    assert encoder.dynamic_batching.max_queue_delay_microseconds == 2500
    (group,) = encoder.instance_group
    assert (group.count, group.kind) == (2, ModelInstanceGroup.KIND_GPU)
    int8 = vae_onnx.load("mnist-vae").folder / "encoder.int8.onnx"
    graph = tmp_path / "r" / "digits-encoder" / "1" / "model.onnx"
    assert graph.read_bytes() == int8.read_bytes()


def test_an_empty_folder_is_taken(run, tmp_path):
    (tmp_path / "r").mkdir()
    assert run("mnist-ae", tmp_path / "r")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["mnist-vae", "full"], "is not empty; choose another DIR"),
        (["mnist-vae", "file"], "DIR must be a folder"),
        (["nothing", "r"], "no bundled model and no folder is called 'nothing'"),
        (["broken", "r"], "encoder.onnx"),
        (["mnist-vae", "r", "--name", "a/b"], "the name of a model that is served must be"),
        (["mnist-vae", "r", "--max-batch-size", "0"], "max_batch_size must be an integer"),
        (["mnist-vae", "r", "--max-delay-ms", "nan"], "max_delay_ms must be a finite number"),
        (["emoji-vae", "r", "--precision", "int8"], "has no variant of precision int8"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(run, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    broken = shutil.copytree(vae_onnx.load("mnist-vae").folder, tmp_path / "broken")
    (broken / "encoder.onnx").write_bytes(b"\x08")
    before = sorted(tmp_path.rglob("*"))
    code, _, err = run(*arguments)
    assert code == 1
    assert err.startswith("error: ")
    assert told in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
