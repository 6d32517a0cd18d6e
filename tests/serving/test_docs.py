"""What docs/serving.md shows is what happens, or at least what is taken."""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
import yaml

import vae_onnx
from export import __main__ as exporting
from vae_onnx.command import parser
from vae_onnx.serving.options import Options

from . import load
from .conftest import ROOT

PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def manifests():
    return [told for block in blocks("yaml") for told in yaml.safe_load_all(block)]


def of_kind(kind):
    (found,) = [told for told in manifests() if told["kind"] == kind]
    return found


@pytest.fixture(scope="module")
def service():
    with load.serving("mnist-vae", "--workers", 2) as service:
        yield service


def moved(text, service):
    """The page's ports are those of a service that was started without any."""
    assert (Options.http_port, Options.grpc_port) == (8080, 8081)
    return text.replace("127.0.0.1:8080", service.http).replace("127.0.0.1:8081", service.grpc)


def picture():
    return vae_onnx.load("mnist-vae").decoder.to_x_recon([[0.5, -1]])


def test_the_commands_are_taken(monkeypatch, tmp_path, capsys):
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    (serve,) = [line for line in lines if line.startswith("vae-onnx serve")]
    options = parser.make_parser().parse_args(shlex.split(serve)[1:])
    assert (options.model, options.workers) == ("mnist-vae", 2)
    (triton,) = [line for line in lines if line.startswith("python -m export triton")]
    monkeypatch.chdir(tmp_path)
    assert exporting.main(shlex.split(triton, comments=True)[3:]) == 0
    assert "models/triton/mnist-vae" in capsys.readouterr().out
    (server,) = [line for line in lines if line.startswith("tritonserver")]
    assert shlex.split(server)[2] == "models/triton"


@pytest.mark.parametrize(
    ("heading", "command_line", "command"),
    [("## The service", parser, "serve"), ("## Triton", exporting, "triton")],
)
def test_the_tables_have_all_options(heading, command_line, command, capsys):
    section = PAGE.partition(f"{heading}\n")[2].partition("\n## ")[0]
    table = re.findall(r"^\| (`--.*?) \|", section, re.MULTILINE)
    told = set(re.findall(r"--[a-z][a-z-]*", " ".join(table)))
    with pytest.raises(SystemExit):
        command_line.main([command, "--help"])
    assert told == set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out)) - {"--help"}


def test_the_lines_for_python_run(service):
    in_process, client, _ = blocks("python")
    found = {}
    exec(compile(in_process, "serving.md", "exec"), found)
    assert found["picture"].shape == (1, 28, 28)
    exec(compile(moved(client, service), "serving.md", "exec"), found)
    assert load.close_to(found["picture"], picture())


def test_the_line_for_curl_runs(service):
    (line,) = [block for block in blocks("sh") if "infer" in block]
    _, _, address, _, body = shlex.split(moved(line, service).replace("\\\n", ""))
    with urllib.request.urlopen(address, body.encode()) as answer:
        (output,) = json.load(answer)["outputs"]
    found = np.array(output["data"], np.float32).reshape(output["shape"])
    assert load.close_to(found, picture())


def test_the_table_of_models_is_true(service):
    rows = re.findall(r"^\| `(mnist-vae\S*)` \| `(\w+)`.*? \| (.*?) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    with load.connect(service, "http") as client:
        for name, port, gives in rows:
            told = client.get_model_metadata(name)
            assert [tensor["name"] for tensor in told["inputs"]] == [port]
            for output in told["outputs"]:
                assert f"`{output['name']}`" in gives


def test_the_containers_serve_at_their_ports_and_probes(service):
    specs = (
        of_kind("Deployment")["spec"]["template"]["spec"],
        of_kind("InferenceService")["spec"]["predictor"],
    )
    for spec in specs:
        (container,) = spec["containers"]
        program, *arguments = container["command"]
        options = parser.make_parser().parse_args(arguments)
        assert (program, options.host) == ("vae-onnx", "0.0.0.0")
        ports = {port["containerPort"] for port in container["ports"]}
        assert ports <= {options.http_port, options.grpc_port}
        for probe in ("readinessProbe", "livenessProbe"):
            if probe in container:
                told = container[probe]["httpGet"]
                named = {port.get("name"): port["containerPort"] for port in container["ports"]}
                assert named.get(told["port"], told["port"]) == options.http_port
                with urllib.request.urlopen(f"http://{service.http}{told['path']}") as answer:
                    assert answer.status == 200


def test_the_deployment_and_its_service_belong_together():
    deployment, service = of_kind("Deployment")["spec"], of_kind("Service")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == service["selector"] == labels
    names = {port["name"] for port in deployment["template"]["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["ports"]} == names


def test_the_deployment_of_ray_serve_answers(tmp_path):
    """In a process of its own: Ray's warnings are none of ours.

    A busy machine does not start Ray's proxy in the 5 s after which Ray would kill it.
    """
    (code,) = [block for block in blocks("python") if "from ray" in block]
    (tmp_path / "digits.py").write_text(code, encoding="utf-8")
    port, _ = load.free_ports()
    start = f"""
import ray
from ray import serve
ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
serve.start(http_options={{"port": {port}}})
from digits import app
serve.run(app)
print("ready", flush=True)
input()
serve.shutdown()
ray.shutdown()
"""
    command = [sys.executable, "-c", start]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    patient = {**os.environ, "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60"}
    with subprocess.Popen(command, cwd=tmp_path, env=patient, text=True, **pipes) as process:
        try:
            lines = iter(process.stdout.readline, "")
            assert any(line == "ready\n" for line in lines), process.stderr.read()
            (line,) = [block for block in blocks("sh") if ":8000/" in block]
            _, _, address, _, body = shlex.split(line.replace(":8000", f":{port}"))
            assert load.close_to(np.array(posted(address, body)[1], np.float32), picture()[0, 0])
            status, told = posted(address, "[0.5]")
            assert (status, "z must have shape" in told["error"]) == (400, True)
        finally:
            process.stdin.close()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def posted(address, body):
    try:
        with urllib.request.urlopen(address, body.encode()) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_ray_on_kubernetes_starts_the_file_that_is_shown():
    config = yaml.safe_load(of_kind("RayService")["spec"]["serveConfigV2"])
    (application,) = config["applications"]
    module, name = application["import_path"].split(":")
    assert f"this `{module}.py`" in PAGE
    (code,) = [block for block in blocks("python") if "from ray" in block]
    assert re.search(rf"^{name} = ", code, re.MULTILINE)
