"""What the doctor says: checks, what they found, and the two ways to print them."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TextIO

Severity = Literal["warning", "error"]
Status = Literal["ok", "warning", "error"]

SCHEMA: Final = 1  # of the JSON report, docs/doctor.md; counts up when a script would notice
ORDER: Final[Sequence[Status]] = ("ok", "warning", "error")
MARKS: Final[Mapping[Status, str]] = {"ok": "\u2713", "warning": "!", "error": "\u2717"}
PLAIN: Final[Mapping[Status, str]] = {"ok": "+", "warning": "!", "error": "x"}
COLOURS: Final[Mapping[Status, str]] = {"ok": "32", "warning": "33", "error": "31"}
WIDTH: Final = 100


@dataclass(frozen=True)
class Finding:
    """Something that is not right, and what to type.

    Attributes:
        id: What kind of finding it is, for scripts; docs/doctor.md lists them.
        severity: "error" if something does not work, "warning" if it works worse than it could.
        message: What was expected, what there is, and what comes of it.
        command: What puts it right.
    """

    id: str
    severity: Severity
    message: str
    command: str


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        id: What was looked at, for scripts: "onnxruntime", "device.cpu" ...
        group: Under which heading it is printed.
        label: Its name there.
        value: What there is, in a few words.
        facts: The same for scripts: what `json.dumps` takes.
        findings: What is not right with it.
        failed: Whether it fails; without findings, because of what another check has found.
    """

    id: str
    group: str
    label: str
    value: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    failed: bool = False

    @property
    def status(self) -> Status:
        """The worst of the findings, or "error" if it failed without any."""
        return "error" if self.failed else worst(each.severity for each in self.findings)


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst of them, "ok" if there are none."""
    return max(statuses, key=ORDER.index, default="ok")


def as_json(checks: Sequence[Check]) -> str:
    """Return the report as one JSON object; docs/doctor.md describes it."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "status": worst(check.status for check in checks),
            "checks": [
                {
                    "id": check.id,
                    "group": check.group,
                    "label": check.label,
                    "status": check.status,
                    "value": check.value,
                    "facts": dict(check.facts),
                }
                for check in checks
            ],
            "findings": [
                {
                    "id": finding.id,
                    "check": check.id,
                    "severity": finding.severity,
                    "message": finding.message,
                    "command": finding.command,
                }
                for check in checks
                for finding in check.findings
            ],
        },
        indent=2,
        allow_nan=False,
    )


def as_text(checks: Sequence[Check], stream: TextIO) -> str:
    """Return the report for people, with the marks and colours that the stream can show."""
    return "\n".join(_lines(checks, _marks(stream))) + "\n"


def _lines(checks: Sequence[Check], marks: Mapping[Status, str]) -> Iterator[str]:
    width = max(len(check.label) for check in checks)
    for group in dict.fromkeys(check.group for check in checks):
        yield group
        for check in checks:
            if check.group == group:
                yield f"  {marks[check.status]} {check.label:<{width}}  {check.value}"
        yield ""
    findings = [finding for check in checks for finding in check.findings]
    if not findings:
        yield "Nothing is wrong."
    for finding in findings:
        message = textwrap.fill(
            finding.message,
            WIDTH,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield f"{marks[finding.severity]} {message}"
        yield f"    {finding.command}"


def _marks(stream: TextIO) -> dict[Status, str]:
    try:
        "".join(MARKS.values()).encode(stream.encoding or "ascii")
        marks = MARKS
    except UnicodeEncodeError:
        marks = PLAIN
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        return dict(marks)
    return {status: f"\x1b[{COLOURS[status]}m{mark}\x1b[0m" for status, mark in marks.items()}
