"""What a network wants otherwise than the contract, folded into its graph.

Reading order: `steps` (each as numbers and as nodes), `pixels` (the range that it wants), `surgery`
(the nodes go around the network).
"""
