"""The pages of the command lines, from the parsers that the programs themselves use."""

from __future__ import annotations

import argparse
import re
import warnings
from argparse import Action, ArgumentParser
from collections.abc import Iterable, Iterator
from typing import Any, Final

import tyro
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import demo.__main__
import export.__main__
import vae_onnx.torch.__main__
from vae_onnx import doctor
from vae_onnx.command.parser import make_parser

CODE: Final = re.compile(r"(`[^`]*`)")
SIGNS: Final = str.maketrans({sign: f"&#{ord(sign)};" for sign in "\\*_[]<>#|&"})


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each program."""
    exporting = ArgumentParser("python -m export", description=export.__main__.__doc__)
    pages = {
        "vae-onnx": _page(make_parser(), list(_runtime_commands())),
        "torch": _page(vae_onnx.torch.__main__.make_parser()),
        "export": _page(exporting, list(_export_commands())),
        "demo": _page(demo.__main__.make_parser()),
    }
    for name, lines in pages.items():
        files.append(File.generated(config, f"commands/{name}.md", content="\n".join(lines)))
    return files


def _runtime_commands() -> Iterator[ArgumentParser]:
    for action in make_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from (action.choices | {"doctor": doctor.make_parser()}).values()


def _export_commands() -> Iterator[Any]:  # tyro's parsers, which have all that is used here
    config = [tyro.conf.PositionalMetavarFromFieldName]
    for name, command in export.__main__.COMMANDS.items():
        with warnings.catch_warnings():  # nothing else of tyro tells its options
            warnings.simplefilter("ignore", DeprecationWarning)
            yield tyro.extras.get_parser(command, prog=f"python -m export {name}", config=config)


def _page(program: ArgumentParser, commands: Iterable[ArgumentParser] = ()) -> Iterator[str]:
    yield f"# {program.prog}\n"
    yield from filter(None, (_prose(program.description), "", _prose(program.epilog)))
    if not commands:
        yield from _told(program)
        return
    yield "\n| command | does |\n| --- | --- |"
    for command in commands:
        yield f"| [`{_last(command)}`](#{_last(command)}) | {_first_line(command)} |"
    for command in commands:
        yield f"\n## {_last(command)} {{ #{_last(command)} }}\n\n{_prose(command.description)}"
        yield from _told(command)


def _told(parser: ArgumentParser) -> Iterator[str]:
    """How a command is typed, and what each of its arguments means."""
    positional = [_typed(one) for one in parser._get_positional_actions()]
    needed = [_typed(one) for one in parser._get_optional_actions() if one.required]
    yield f"\n```text\n{' '.join([parser.prog, *positional, *needed, '[options]'])}\n```"
    for group in parser._action_groups:
        told = [one for one in group._group_actions if one.help and one.dest != "help"]
        if told and group.title:
            yield f"\n**{group.title.capitalize()}**\n"
        for action in told:
            yield f"`{_typed(action, all_names=True)}`\n:   {_help(parser, action)}\n"


def _typed(action: Action, *, all_names: bool = False) -> str:
    """An argument as it is typed: `MODEL`, `IMAGE ...`, `--out PATH`."""
    value = _value(action)
    if not action.option_strings:
        return value
    names = action.option_strings if all_names else action.option_strings[-1:]
    return " ".join(filter(None, [", ".join(names), value]))


def _value(action: Action) -> str:
    if action.nargs == 0:
        return ""
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
    value = str(action.metavar or choices or action.dest.upper())
    if isinstance(action.nargs, str) and action.nargs in "*+":
        return f"[{value} ...]" if action.nargs == "*" else f"{value} ..."
    return f"[{value}]" if action.nargs == "?" else value


def _help(parser: ArgumentParser, action: Action) -> str:
    told = parser._get_formatter()._expand_help(action)
    needed = action.required and action.option_strings and "(required)" not in told
    return _prose(f"{told} (required)" if needed else told)


def _prose(text: str | None) -> str:
    """A text of a parser as Markdown, in which nothing but code is marked."""
    parts = CODE.split(" ".join((text or "").split()))
    return "".join(part if part[:1] == "`" else part.translate(SIGNS) for part in parts)


def _first_line(command: ArgumentParser) -> str:
    return _prose((command.description or "").partition("\n\n")[0])


def _last(command: ArgumentParser) -> str:
    return command.prog.split()[-1]
