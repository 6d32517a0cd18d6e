"""What is made of finished runs.

Reading order: `evaluate` (figures on the test set), `figures` (pictures), `compare` (side by side),
`page` (docs/report.md).
"""
