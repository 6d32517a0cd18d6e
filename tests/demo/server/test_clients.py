"""The endpoints by other clients than Gradio's own: MCP, plain HTTP, and the code of the docs."""

import ast
import asyncio
import base64
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool
from PIL import Image

import vae_onnx
from demo.__main__ import make_parser
from demo.screenshot import serve
from demo.tools import need

DOCS = Path(__file__).parents[3] / "docs" / "demo.md"
PORT = "127.0.0.1:7860"
SIZES = {
    "decode": (56, 28),
    "reconstruct": (28, 28),
    "sample": (56, 56),
    "interpolate": (112, 28),
    "grid": (84, 84),
}  # of the pictures below
CALLS: dict[str, dict[str, Any]] = {
    "models": {},
    "encode": {"image": "digit", "model": "mnist-vae-16d", "fit": "pad"},
    "decode": {"z": [[0, 0], [1.5, -1]], "model": "mnist-vae"},
    "reconstruct": {"image": "digit", "model": "mnist-vae", "seed": 7},
    "sample": {"model": "mnist-vae", "count": 4, "seed": 0, "temperature": 0.5},
    "interpolate": {
        "image_a": "digit", "image_b": "digit", "model": "mnist-ae", "steps": 4, "form": "png",
    },
    "grid": {"model": "fashion-mnist-vae", "side": 3},
    "averages": {"model": "mnist-vae-16d"},
    "directions": {"model": "mnist-vae-16d"},
}  # fmt: skip
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("sample", {"count": 257}, "count must be 1 to 256, got 257"),
    ("sample", {"temperature": 99}, "temperature must be 0 to 3, got 99"),
    ("sample", {"seed": -1}, "seed must be 0 to 4294967295, got -1"),
    ("grid", {"side": 0}, "side must be 1 to 30, got 0"),
    ("grid", {"model": "mnist-vae-16d"}, "2-D latent space"),
    ("interpolate", {"steps": 65}, "steps must be 2 to 64, got 65"),
    ("decode", {"z": [1, 2, 3]}, r"must have shape \(N, 2\)"),
    ("decode", {"z": [[0, 0]] * 257}, "at most 256"),
    ("decode", {"z": [[1], [1, 2]]}, "z must be a list of numbers"),
    ("encode", {"image": "text"}, "not a picture that can be taken"),
    ("encode", {"image": "near"}, "the image cannot be opened; an image is"),
]
RAW_FAULTS: list[tuple[str, list[Any], str]] = [  # which a schema keeps from the tools
    ("sample", ["mnist-vae", "many", 0, 1.0], "count must be 1 to 256, got 'many'"),
    ("sample", ["mnist-vae", 2.5, 0, 1.0], "count must be a whole number, got 2.5"),
    ("sample", ["mnist-vae", None, 0, 1.0], "count must be 1 to 256, got None"),
    ("sample", ["mnist-vae", True, 0, 1.0], "count must be 1 to 256, got True"),
    ("sample", [["mnist-vae"], 1, 0, 1.0], "no model is called"),
    ("sample", ["nothing", 1, 0, 1.0], "no model is called 'nothing'"),
    ("sample", ["mnist-vae"], r"/sample takes 4 values \(model, count, seed, temperature\), got 1"),
    ("decode", ["0, 0", "mnist-vae"], "z must be a list of numbers"),
    ("decode", [{"z": 1}, "mnist-vae"], "z must be a list of numbers"),
    ("decode", [None, "mnist-vae"], "must have shape|finite"),
    ("encode", ["digit.png", "mnist-vae"], "expected an image"),
    ("encode", [None, "mnist-vae"], "no image was given"),
    ("encode", [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "mnist-vae"],
     "the image cannot be opened"),
]  # fmt: skip


@pytest.fixture(scope="module")
def server_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mcp") / "log.txt"


@pytest.fixture(scope="module")
def tools_url(server_log: Path) -> Iterator[str]:
    with (
        server_log.open("w") as file,
        serve(file, sys.executable, "-m", "demo", "--mcp") as address,
    ):
        yield address
    assert "Traceback" not in server_log.read_text()


def ask(url: str, *calls: tuple[str, dict[str, Any]]) -> tuple[list[Tool], list[CallToolResult]]:
    """The tools, and the answers of some, as a client of the protocol gets them."""

    async def session() -> tuple[list[Tool], list[CallToolResult]]:
        async with (
            streamable_http_client(f"{url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            tools = (await client.list_tools()).tools
            return tools, [await client.call_tool(name, values) for name, values in calls]

    # In a thread of its own: Playwright may have a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, session()).result()


def as_tool(values: dict[str, Any], url: str, digit: str) -> dict[str, Any]:
    """Arguments with the pictures that they name as a tool takes them."""
    data = base64.b64encode(Path(digit).read_bytes()).decode()
    pictures = {
        "digit": f"data:image/png;base64,{data}",
        "text": "data:image/png;base64,bm90aGluZw==",
        "near": f"{url}/tests/mnist-vae/3.png",
    }
    return {
        key: pictures.get(one, one) if key.startswith("image") else one
        for key, one in values.items()
    }


def post(url: str, name: str, data: list[Any]) -> tuple[str, Any]:
    """Call an endpoint over plain HTTP: the last event and what it brings."""
    body = json.dumps({"data": data}).encode()
    asked = urllib.request.Request(
        f"{url}/gradio_api/call/{name}", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked) as response:
        event_id = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/{name}/{event_id}") as stream:
        *_, event = re.findall(r"event: (\w+)\ndata: (.*)", stream.read().decode())
    return event[0], json.loads(event[1])


def upload(url: str, data: bytes) -> dict[str, Any]:
    """Hand a file in over plain HTTP; what stands for it in a call."""
    head = '--rim\r\nContent-Disposition: form-data; name="files"; filename="digit.png"\r\n\r\n'
    asked = urllib.request.Request(
        f"{url}/gradio_api/upload",
        head.encode() + data + b"\r\n--rim--\r\n",
        {"Content-Type": "multipart/form-data; boundary=rim"},
    )
    with urllib.request.urlopen(asked) as response:
        (path,) = json.load(response)
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def as_data(name: str, values: dict[str, Any], url: str, digit: str) -> list[Any]:
    """Arguments in the order of plain HTTP, pictures uploaded."""
    pictures = {"digit": Path(digit).read_bytes(), "text": b"nothing"}
    near = {"path": f"{url}/tests/mnist-vae/3.png", "meta": {"_type": "gradio.FileData"}}
    return [
        (near if one == "near" else upload(url, pictures[one])) if key.startswith("image") else one
        for key, one in ({**CALLS[name], **values}).items()
    ]


def check(name: str, picture: bytes | None, told: Any) -> None:
    """An answer is what the endpoint promises."""
    if name in SIZES:
        assert picture is not None
        with Image.open(io.BytesIO(picture)) as image:
            assert image.size == SIZES[name]
        return
    expected = {"models": set(), "encode": {"z", "elbo"}, "averages": {"7"}, "directions": {"axes"}}
    assert expected[name] <= (set() if name == "models" else set(told))
    assert name != "models" or {model["name"] for model in told} == set(vae_onnx.models())


def test_every_schema_is_a_json_schema_and_takes_its_defaults(tools_url: str) -> None:
    tools, _ = ask(tools_url)
    assert {tool.name for tool in tools} == set(CALLS)
    for tool in tools:
        Draft202012Validator.check_schema(tool.inputSchema)
        assert tool.description
        for name, schema in tool.inputSchema["properties"].items():
            assert {"type", "anyOf"} & set(schema), (tool.name, name)
            assert schema["description"], (tool.name, name)
            if "default" in schema:
                Draft202012Validator(schema).validate(schema["default"])
        Draft202012Validator(tool.inputSchema).validate(CALLS[tool.name])
    with urllib.request.urlopen(f"{tools_url}/gradio_api/mcp/schema") as response:
        for tool in json.load(response):
            Draft202012Validator.check_schema(tool["inputSchema"])


def test_every_tool_is_called(tools_url: str, digits: list[str]) -> None:
    calls = [(name, as_tool(values, tools_url, digits[3])) for name, values in CALLS.items()]
    _, answers = ask(tools_url, *calls)
    for name, answer in zip(CALLS, answers, strict=True):
        assert not answer.isError, (name, answer.content)
        first = answer.content[0]
        if first.type == "image":
            check(name, base64.b64decode(first.data), None)
        else:
            check(name, None, ast.literal_eval(first.text))


def test_what_a_tool_leaves_out_has_a_default(tools_url: str, digits: list[str]) -> None:
    tools, _ = ask(tools_url)
    least = {
        tool.name: {name: CALLS[tool.name][name] for name in tool.inputSchema.get("required", [])}
        for tool in tools
    }
    calls = [(name, as_tool(values, tools_url, digits[3])) for name, values in least.items()]
    null = ("reconstruct", as_tool({"image": "digit", "seed": None}, tools_url, digits[3]))
    one = ("decode", {"z": [0.5, -1]})
    _, answers = ask(tools_url, *calls, null, one)
    assert [answer.content for answer in answers if answer.isError] == []


def test_a_tool_decodes_what_the_runtime_does(tools_url: str) -> None:
    _, (answer,) = ask(tools_url, ("decode", {"z": [0.5, -1], "model": "mnist-vae"}))
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.content[0].data))))
    expected = vae_onnx.to_uint8(vae_onnx.load("mnist-vae").decode([0.5, -1]))[0]
    np.testing.assert_array_equal(picture, expected)


def test_tools_refuse_in_our_words(tools_url: str, digits: list[str]) -> None:
    calls = [
        (name, as_tool({**CALLS[name], **values}, tools_url, digits[3]))
        for name, values, _ in FAULTS
    ]
    _, answers = ask(tools_url, *calls)
    for (name, _, message), answer in zip(FAULTS, answers, strict=True):
        assert answer.isError, name
        assert re.search(message, answer.content[0].text), answer.content[0].text


def test_every_endpoint_answers_over_plain_http(tools_url: str, digits: list[str]) -> None:
    for name in CALLS:
        event, told = post(tools_url, name, as_data(name, {}, tools_url, digits[3]))
        assert event == "complete", (name, told)
        picture = None
        if name in SIZES:
            with urllib.request.urlopen(told[0]["url"]) as response:
                picture = response.read()
        check(name, picture, told[0])


def test_plain_http_is_refused_in_our_words(tools_url: str, digits: list[str]) -> None:
    faults = [(n, as_data(n, values, tools_url, digits[3]), told) for n, values, told in FAULTS]
    for name, data, message in [*faults, *RAW_FAULTS]:
        event, told = post(tools_url, name, data)
        assert event == "error", (name, data)
        assert re.search(message, told["error"] or "nothing"), (name, data, told)


def blocks(kind: str) -> list[str]:
    """The code blocks of a kind in docs/demo.md."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.split()[1])
def test_the_pythons_of_the_page_run(
    tools_url: str, digits: list[str], tmp_path: Path, code: str
) -> None:
    shutil.copy(digits[3], tmp_path / "digit.png")
    assert PORT in code
    code = code.replace(PORT, tools_url.removeprefix("http://"))
    command = [sys.executable, "-W", "error", "-c", code]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    if "decoded.png" in code:
        assert "'elbo'" in ran.stdout
        Image.open(tmp_path / "decoded.png").verify()


@pytest.mark.parametrize("code", blocks("sh"), ids=lambda code: code.split()[0])
def test_the_shells_of_the_page_run(
    tools_url: str, digits: list[str], tmp_path: Path, code: str
) -> None:
    if "curl" not in code:
        commands = [shlex.split(line, comments=True) for line in code.splitlines()]
        for command in filter(None, commands):
            if command[:2] == ["make", "demo"] or command[0] == "docker":
                continue  # which `make test-demo` runs, and `make test-root` without Docker
            assert command[:3] == ["python", "-m", "demo"]
            make_parser().parse_args(command[3:])
        return
    need("curl")
    shutil.copy(digits[3], tmp_path / "digit.png")
    code = "set -e\n" + code.replace(PORT, tools_url.removeprefix("http://"))
    ran = subprocess.run(
        ["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("event: complete") == 2, ran.stdout
    assert '"elbo"' in ran.stdout
