"""One ONNX file, run well: on which device, on how many threads, block by block.

Reading order: `graph` (the file as a checked function) with `reading` (its content), `device` and
`providers` (what it runs on, and where that comes from), `threads` (who shares a batch) and `wide`
(who shares a row), `stream` (batches larger than memory) with `progress`, `ortvalues` (what stays
on a GPU), `reopening` (in another process), `sizes` (shapes of rows, some of them open).
"""
