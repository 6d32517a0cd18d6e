"""Programs in C: our own, and what onnx2c makes of the graphs."""

import ctypes
import os
import shutil
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

from .given import OUTPUTS, SHAPES, WIDTHS, Array, Call, Callers, Given, Peer, Ways, blocks, out

ROWS = """
#include <stddef.h>
void rows(const float *in, long count, {arguments})
{{
    for (long i = 0; i < count / {size}; ++i)
        entry((const void *)(in + i * {size} * {width}), {passed});
}}
"""
# -O3 alone adds sums number by number, ten times as slow; a reciprocal by estimate makes NaN of
# the infinity that exp gives.
FAST = ("-Ofast", "-mno-recip")
TESTS = Path(__file__).parents[2]


def c99(given: Given) -> Peer:
    """`python -m export c-source`; any number of threads may call it."""
    compiler = _compiler()
    header = given.folder / "digit.h"
    command = [sys.executable, "-m", "export", "c-source", given.folder, "--out", header]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (prefix,) = {
        line.split("_PIXELS")[0].split()[-1].lower()
        for line in header.read_text().splitlines()
        if "_PIXELS" in line and line.startswith(("#define", "enum"))
    }
    host = str(TESTS / "export" / "c99" / "host.c")
    macros = [f'-DHEADER="{header}"', f"-DPREFIX={prefix}", f"-DSIZES={prefix.upper()}", "-DVAE"]
    callers = Callers(given.threads)

    @cache
    def library(target: str) -> ctypes.CDLL:
        file = given.folder / f"c99-{target}.so"
        options = ["-std=c99", "-O3", *([f"-march={target}"] * (target == "native"))]
        _compile([compiler, *options, *macros, host], file)
        return ctypes.CDLL(str(file))

    def ways(operation: str, count: int) -> Ways:
        def make(rows: Array, target: str, parts: list[slice]) -> Call:
            results, function = out(operation, count), getattr(library(target), operation)

            def work(part: slice, _: int) -> None:
                function(_at(rows[part]), part.stop - part.start, *(_at(a[part]) for a in results))

            if len(parts) == 1:
                arguments = _at(rows), count, *map(_at, results)

                def call(_keep: Array = rows) -> list[Array]:
                    function(*arguments)
                    return results

                return call

            def calling() -> list[Array]:
                callers.each(work, parts)
                return results

            return calling

        found, parts = {}, blocks(count, given.threads)
        for target in ("any x86-64", "native"):
            found[f"1 thread, {target}"] = partial(make, target=target, parts=[slice(0, count)])
            if len(parts) > 1:
                told = f"{given.threads} callers, blocks, {target}"
                found[told] = partial(make, target=target, parts=parts)
        return found

    return Peer(f"C99 of `export c-source`, {_version(compiler)} -O3", ways)


def onnx2c(given: Given) -> Peer:
    """C of onnx2c for blocks of a fixed number of rows; its buffers are global: one thread."""
    import onnx

    program = os.environ.get("ONNX2C") or shutil.which("onnx2c")
    if program is None:
        raise FileNotFoundError(
            "it is no package: build it from github.com/kraiskil/onnx2c and name it in ONNX2C"
        )
    compiler = _compiler()

    @cache
    def graph(operation: str) -> Path:
        """The graph without `allowzero`, which onnx2c does not know and no 0 in a shape needs."""
        model, path = onnx.load(given.graph(operation)), given.folder / f"{operation}-onnx2c.onnx"
        for node in model.graph.node:
            kept = [one for one in node.attribute if one.name != "allowzero"]
            del node.attribute[:]
            node.attribute.extend(kept)
        onnx.save(model, path)
        return path

    @cache
    def library(operation: str, rows: int) -> ctypes.CDLL:
        source = given.folder / f"onnx2c-{operation}-{rows}.c"
        if not source.exists():
            command = [program, f"-dbatch:{rows}", graph(operation)]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            names = OUTPUTS[operation]
            width = 784 if SHAPES[operation] == SHAPES["encode"] else 2
            step = ", ".join(f"(void *)({name} + i * {rows} * {WIDTHS[name]})" for name in names)
            arguments = ", ".join(f"float *{name}" for name in names)
            more = ROWS.format(arguments=arguments, size=rows, width=width, passed=step)
            source.write_text(told + more)
        file = source.with_suffix(".so")
        _compile([compiler, *FAST, "-march=native", str(source)], file)
        return ctypes.CDLL(str(file))

    def ways(operation: str, count: int) -> Ways:
        def make(rows: Array, size: int) -> Call:
            results, function = out(operation, count), library(operation, size).rows
            arguments = _at(rows), ctypes.c_long(count), *map(_at, results)

            def call(_keep: Array = rows) -> list[Array]:
                function(*arguments)
                return results

            return call

        most = blocks(count, 1)[0].stop
        return {
            f"1 thread, {size} at once": partial(make, size=size)
            for size in sorted({1, min(16, most), most})
            if count % size == 0
        }

    return Peer(f"onnx2c, {_version(compiler)} -Ofast -march=native", ways)


def _compiler() -> str:
    found = shutil.which(os.environ.get("CC", "cc"))
    if found is None:
        raise FileNotFoundError("it needs a C compiler, and there is no cc")
    return found


def _version(compiler: str) -> str:
    told = subprocess.run([compiler, "-dumpversion"], capture_output=True, text=True, check=True)
    kind = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    return f"{'clang' if 'clang' in kind.stdout else 'gcc'} {told.stdout.strip()}"


def _compile(command: list[str], file: Path) -> None:
    subprocess.run([*command, "-shared", "-fPIC", "-o", str(file), "-lm"], check=True)


def _at(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
