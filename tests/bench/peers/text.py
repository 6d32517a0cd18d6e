"""What is written of the measurements."""

from collections.abc import Mapping

from export.markdown import table

from .driver import Cell, Results

OPERATIONS = {"decode": "z to pictures", "encode": "pictures to mu and log_var"}
FLOPS = {"decode": 2 * 400 * (784 + 2), "encode": 2 * 400 * (784 + 4)}  # of a row
FIRST = "float32"  # function of the peer that others are compared with
FLOOR = "floor"  # of the one that multiplies matrices
MICRO = 1e-3  # seconds; columns below are in microseconds


def tables(results: Results, side: int) -> str:
    """The tables, what is left out, and the share of the floor."""
    operations = list(dict.fromkeys(operation for operation, _ in results.cells))
    parts = [_figures(results, operation) for operation in operations]
    parts += [_ways(results, operation) for operation in operations]
    return "\n\n".join([*parts, *_floor(results, side), *_missing(results)])


def _figures(results: Results, operation: str) -> str:
    columns = _columns(results, operation)
    header, rows = [f"`{operation}`, {OPERATIONS[operation]}"], []
    units = {}
    for size, cells in columns.items():
        first = cells[FIRST].seconds if FIRST in cells else min(c.seconds for c in cells.values())
        units[size] = ("µs", 1e6) if first < MICRO else ("ms", 1e3)
        header.append(f"{size:,}, {units[size][0]}")
    for function, name in results.names.items():
        found = {size: cells.get(function) for size, cells in columns.items()}
        if function == FLOOR or not any(found.values()):
            continue
        rows.append(
            [
                name,
                *(
                    _figure(cell, columns[size].get(FIRST), units[size][1])
                    for size, cell in found.items()
                ),
            ]
        )
    return table(header, rows)


def _figure(cell: Cell | None, first: Cell | None, scale: float) -> str:
    if cell is None:
        return ""
    value = cell.seconds * scale
    told = f"{value:,.{0 if value >= 1000 else 1 if value >= 100 else 2}f}"
    return told if first is None else f"{told} ({cell.seconds / first.seconds:.2f})"


def _ways(results: Results, operation: str) -> str:
    columns = _columns(results, operation)
    header, rows = [f"how, `{operation}`", *(f"{size:,}" for size in columns)], []
    for function, name in results.names.items():
        found = [cells[function].way if function in cells else "" for cells in columns.values()]
        if function != FLOOR and len(set(found) - {""}) > 0:
            rows.append([name, *found])
    return table(header, rows)


def _columns(results: Results, operation: str) -> dict[int, Mapping[str, Cell]]:
    return {
        size: cells for (one, size), cells in results.cells.items() if one == operation and cells
    }


def _floor(results: Results, side: int) -> list[str]:
    told = []
    for operation, flops in FLOPS.items():
        columns = _columns(results, operation)
        if not columns or not {FLOOR, FIRST} <= columns[max(columns)].keys():
            continue
        rows = max(columns)
        least = rows * flops / (2 * side**3) * columns[rows][FLOOR].seconds
        share = least / columns[rows][FIRST].seconds
        told.append(
            f"{least * 1e3:.1f} ms for {operation} of {rows:,} rows, "
            f"of whose speed vae_onnx has {share:.0%}"
        )
    if not told:
        return []
    return [
        "The matrix products alone would take, at the speed of a float32 one of "
        f"{side}x{side} by torch in the same run, {'; '.join(told)}."
    ]


def _missing(results: Results) -> list[str]:
    lines = [f"- {label}: {reason}" for label, reason in results.absent.items()]
    parts = ["Could not be had here:\n\n" + "\n".join(lines)] if lines else []
    lines = [f"- {what}: {reason}" for what, reason in results.failed.items()]
    return parts + (["Did not work:\n\n" + "\n".join(lines)] if lines else [])
