"""How near two tasks or two representations are, one measure a file."""
