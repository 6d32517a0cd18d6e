"""Pictures as people have them -> x of the graphs, and x -> pictures."""
