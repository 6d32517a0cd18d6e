"""Whatever bytes come from outside: a reader answers, or refuses with an error of this package.

`make fuzz` hands over a million mutated inputs, `test_targets.py` some hundred of each kind within
the usual tests. Reading order: `target` (a reader, and files that it takes), `targets` (all of
them), `mutation` (for the tests), `child` (a reader under the coverage-guided fuzzer atheris, in a
process that may crash), `__main__` (one child after another, and what came of it).
"""
