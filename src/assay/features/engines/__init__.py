"""Ways to run a network fast, one file each."""
