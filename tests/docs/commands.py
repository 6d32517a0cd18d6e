"""The commands that pages show: what each is, and whether its program takes it."""

import functools
import re
import shlex
from collections.abc import Callable

import tyro

import vae_onnx.torch.__main__
from demo.__main__ import make_parser as demo_parser
from export import __main__ as exporting
from vae_onnx.command.parser import make_parser
from vae_onnx.doctor import make_parser as doctor_parser

from .blocks import ROOT

TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
# What is none of this repository's, with the reason why no test types it.
OTHERS = {
    r"pip (un)?install ": "takes this environment apart; tests/index installs from an index",
    r"hf auth login": "asks for somebody's token",
    r"export FIRST=": "asks a SLURM cluster",
}


def check(command: str) -> None:
    """See that a line of a page is taken by the program that it starts.

    Raises:
        SystemExit: Its program does not.
        AssertionError: It starts no program that is known here.
    """
    for pattern, taken in TAKEN.items():
        if found := re.search(pattern, command):
            taken(found[1])
            return
    assert any(re.match(other, command) for other in OTHERS), f"nobody checks {command!r}"


def _export(line: str) -> None:
    name, *arguments = exporting.with_recipe(shlex.split(line))
    command = exporting.COMMANDS[name]

    @functools.wraps(command)
    def nothing(*_: object, **__: object) -> None:
        """Do not run it."""

    config = [tyro.conf.PositionalMetavarFromFieldName]
    tyro.cli(nothing, args=arguments, config=config)


def _runtime(line: str) -> None:
    if line.startswith("doctor"):
        doctor_parser().parse_args(shlex.split(line)[1:])
        return
    whole = line.replace("embed ...", "embed INPUT OUTPUT --model MODEL")
    make_parser().parse_args(shlex.split(whole))


def _make(line: str) -> None:
    assert set(line.split()) <= TARGETS, line


TAKEN: dict[str, Callable[[str], None]] = {
    r"-m export ([^']*)": functools.cache(_export),
    r"-m vae_onnx\.torch (.*)": lambda line: vae_onnx.torch.__main__.make_parser().parse_args(
        shlex.split(line)
    ),
    r"-m demo (.*)": lambda line: demo_parser().parse_args(shlex.split(line)),
    r"(?:^|-- |^entrypoint: )vae-onnx (.*)": _runtime,
    r"^make ([\w -]+)$": _make,
}
