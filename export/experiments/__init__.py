"""How good the recipes of training are, measured."""
