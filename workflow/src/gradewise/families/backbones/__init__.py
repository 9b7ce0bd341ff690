"""Networks that others trained, whose frozen features models learn from."""
