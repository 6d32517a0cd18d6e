"""How good the recipes of training are, measured.

Reading order: `speedrun` (how long the report's result takes), with `plain` (loops without ours),
`ablation` (what each part of a recipe is worth).
"""
