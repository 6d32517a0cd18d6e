"""A model as one C99 header without any runtime.

Reading order: `header` (the command), `templates` (the C), `weights` (read back from the graphs),
`int8` (the large matrices in 8 bits).
"""
