"""The published studies: one model with settings varied, and what to see of it beside accuracy."""
