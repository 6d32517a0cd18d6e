"""How what a hand moves is answered at once."""

from __future__ import annotations

from typing import Any

LIVE: dict[str, Any] = {
    "queue": False,
    "trigger_mode": "always_last",
    "show_progress": "hidden",
    "api_visibility": "private",
}


def clipped(*limits: str) -> str:
    """JavaScript that keeps what is sent within limits, [low, high] or null for each.

    The field beside a slider takes any number while one types, and Gradio refuses some silently.
    """
    return (
        f"(...sent) => [{', '.join(limits)}].map((one, i) => "
        "one ? Math.min(Math.max(sent[i], one[0]), one[1]) : sent[i])"
    )
