"""A prediction log as a table, turned into instants, windows and rows that can be judged."""
