"""The networks that are trained, with weights and without anything else."""
