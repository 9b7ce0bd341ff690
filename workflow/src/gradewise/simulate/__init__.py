"""Simulated datasets with known truth."""
