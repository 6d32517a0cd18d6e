"""Which module looks at which: downwards alone, and never in a circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOPS = ("vae_onnx", "export", "demo")
FORBIDDEN = {
    "vae_onnx": {"export", "demo", "torch", "torchvision", "onnx", "onnxscript", "gradio"},
    "demo": {"export", "torch", "torchvision", "onnx", "onnxscript"},
    "export": {"demo"},
}
DOORS = {"vae_onnx.torch": {"torch", "onnx", "onnxscript"}, "vae_onnx.crossing": {"onnx"}}

Graph = dict[str, set[str]]


def sources(root: Path) -> dict[str, Path]:
    """Every module below the root by its dotted name; a package has the name of its folder."""
    files = (path for top in TOPS for path in (root / top).rglob("*.py"))
    names = {path: ".".join(path.relative_to(root).with_suffix("").parts) for path in files}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def imports(tree: ast.AST, package: str) -> Iterator[tuple[str, str | None]]:
    """What a module imports, wherever it does, but for types: (module, name or None)."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from imports(ast.Module([other], []), package)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1]
            module = ".".join([*parts * bool(node.level), *filter(None, [node.module])])
            yield from ((module, alias.name) for alias in node.names)
        else:
            yield from imports(node, package)


def graph(root: Path) -> Graph:
    """Each module and all that it imports; of this repository the module a name lies in."""
    found = sources(root)
    looks: Graph = {}
    for name, path in found.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        asked = imports(ast.parse(path.read_text("utf-8")), package)
        looks[name] = {
            f"{module}.{part}" if f"{module}.{part}" in found else module for module, part in asked
        } - {name}
    return looks


def rooms(looks: Graph) -> Graph:
    """The same between rooms: folders right below a top one, and single modules beside them."""
    between: Graph = {}
    for name, others in looks.items():
        room = between.setdefault(_room(name), set())
        room |= {_room(other) for other in others if other in looks} - {_room(name)}
    return between


def _room(name: str) -> str:
    return ".".join(name.split(".")[:2])


def circle(looks: Graph) -> list[str]:
    """One circle, if there is any."""
    own = {name: {other for other in others if other in looks} for name, others in looks.items()}
    try:
        TopologicalSorter(own).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def written(root: Path, **files: str) -> Graph:
    """The graph of a repository that holds these modules of demo/, "__" in a name for a folder."""
    for name, text in files.items():
        path = root / "demo" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return graph(root)


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circle(graph(ROOT)) == []


def test_no_room_looks_back_at_one_that_looks_at_it() -> None:
    assert circle(rooms(graph(ROOT))) == []


@pytest.mark.parametrize("top", TOPS)
def test_what_a_top_folder_may_not_import(top: str) -> None:
    looks = graph(ROOT)
    assert [name for name in looks if name.split(".")[0] == top]
    wrong = [
        f"{name} imports {other}"
        for name, others in looks.items()
        for other in sorted(others)
        if name.split(".")[0] == top
        and other.split(".")[0] in FORBIDDEN[top] - DOORS.get(".".join(name.split(".")[:2]), set())
    ]
    assert wrong == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    looks = written(tmp_path, a="from demo import b", b="def f():\n    import demo.a")
    assert set(circle(looks)) == {"demo.a", "demo.b"}


def test_a_circle_of_rooms_is_found_where_no_module_is_in_one(tmp_path: Path) -> None:
    looks = written(
        tmp_path,
        red__a="from demo.blue.a import x",
        red__b="",
        blue__a="",
        blue__b="from ..red import b",
    )
    assert circle(looks) == []
    assert set(circle(rooms(looks))) == {"demo.red", "demo.blue"}


def test_imports_for_types_are_no_circle(tmp_path: Path) -> None:
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from demo import a\n"
    assert circle(written(tmp_path, a="import demo.b", b=types)) == []
    assert circle(written(tmp_path, b=types + "else:\n    import demo.a\n")) != []
