"""Times as users write them, to instants in UTC."""
