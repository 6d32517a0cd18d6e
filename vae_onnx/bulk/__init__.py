"""Many images: `neighbours` finds the nearest among the codes of millions of them."""
