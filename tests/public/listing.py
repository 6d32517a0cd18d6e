"""`python tests/public/listing.py`: write public.json anew, the list of all that users may rely on.

docs/stability.md says what that is. A change of the file is a change of what has been promised: it
belongs into CHANGELOG.md.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnxruntime as ort

import vae_onnx
import vae_onnx.torch.__main__ as torch_command
from vae_onnx import doctor
from vae_onnx.command import parser
from vae_onnx.crossing.options import Options

FILE = Path(__file__).with_name("public.json")
OPEN = Path(__file__).parents[1] / "runtime" / "graphs" / "open"
MODULES = (
    "vae_onnx",
    "vae_onnx.bulk",
    "vae_onnx.bulk.neighbours",
    "vae_onnx.likelihood",
    "vae_onnx.torch",
)
PARTS = ("encoder", "decoder")
SPECIAL = ("__call__", "__enter__", "__exit__", "__len__")
EVERY_ERROR = (Exception, BaseException, object)


def listing() -> dict[str, Any]:
    """All that is public, as JSON holds it."""
    return {
        "python": {module: _module(module) for module in MODULES},
        "options of export and adopt": {
            name: _text(kind) for name, kind in sorted(Options.__annotations__.items())
        },
        "commands": {
            **_commands(parser.make_parser()),
            "vae-onnx doctor": _options(doctor.make_parser()),
            "python -m vae_onnx.torch": _options(torch_command.make_parser()),
        },
        "graphs": _graphs(),
    }


def _module(name: str) -> dict[str, Any]:
    module = importlib.import_module(name)
    values = {each: getattr(module, each) for each in sorted(module.__all__)}
    return {each: _value(value) for each, value in values.items()}


def _value(value: object) -> Any:
    if inspect.isclass(value):
        return _class(value)
    if callable(value):
        return _text(inspect.signature(value))
    return "module" if inspect.ismodule(value) else type(value).__name__


def _class(kind: type) -> Any:
    if issubclass(kind, BaseException):
        return ", ".join(base.__name__ for base in kind.__mro__[1:] if base not in EVERY_ERROR)
    told = {"()": _text(inspect.signature(kind)), **dict(_attributes(kind))}
    for name, member in inspect.getmembers(kind):
        called = member.fget if isinstance(member, property) else member
        if not inspect.isfunction(called) or not (name[0] != "_" or name in SPECIAL):
            continue
        signature = inspect.signature(called)
        told[name] = _text(signature if called is member else signature.return_annotation)
    return dict(sorted(told.items()))


def _attributes(kind: type) -> Iterable[tuple[str, str]]:
    """What an object has beside methods: its fields, and what __init__ sets with a type."""
    for tree in ast.walk(ast.parse(inspect.getsource(kind))):
        if isinstance(tree, ast.AnnAssign):
            name = ast.unparse(tree.target).removeprefix("self.")
            if name.isidentifier() and name[0] != "_":
                yield name, _text(ast.unparse(tree.annotation))


def _text(signature: object) -> str:
    text = str(signature).replace("'", "").replace('"', "")
    return re.sub(r"ForwardRef\(([^()]*)\)", r"\1", text)


def _commands(command: argparse.ArgumentParser) -> dict[str, Any]:
    told = {command.prog: _options(command)}
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                if each.prog != doctor.make_parser().prog:
                    told |= _commands(each)
    return told


def _options(command: argparse.ArgumentParser) -> dict[str, str]:
    told = {}
    for action in command._actions:
        name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        parts = (
            [] if action.nargs is None else [f"nargs {action.nargs}" if action.nargs else "flag"]
        )
        if action.choices is not None and not isinstance(action, argparse._SubParsersAction):
            parts.append("|".join(map(str, action.choices)))
        if action.required and action.option_strings:
            parts.append("required")
        told[name] = ", ".join(parts)
    return told


def _graphs() -> dict[str, Any]:
    """What graphs take, give and say of themselves: the bundled ones, and one of open sizes."""
    folders = [vae_onnx.load(name).folder for name in vae_onnx.models()]
    files = {
        f"{part}.onnx": [folder / f"{part}.onnx" for folder in [*folders, OPEN]] for part in PARTS
    }
    files["drawing.onnx"] = [folders[0].parent / "drawing.onnx"]
    return {name: _graph(paths) for name, paths in files.items()}


def _graph(paths: list[Path]) -> dict[str, Any]:
    sessions = [ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in paths]
    said = [each.get_modelmeta().custom_metadata_map for each in sessions]
    return {
        "inputs": {port.name: port.type for each in sessions for port in each.get_inputs()},
        "outputs": {port.name: port.type for each in sessions for port in each.get_outputs()},
        "metadata": sorted(
            {key for told in said for key in told} - {"graph"}
        ),  # of the tests alone
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(listing(), indent=1) + "\n", encoding="utf-8", newline="\n")
    print(f"{FILE}: written; what has changed belongs into CHANGELOG.md")
