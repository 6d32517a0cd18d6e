"""The graphs again in shorter numbers: int8 and float16.

Reading order: `quantize` (the command), `conversion` (a graph in shorter numbers) with `rounding`
(to whole numbers that cost least), `opening` (a model with its images), `measuring` (what is lost
and gained).
"""
