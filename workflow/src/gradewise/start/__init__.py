"""The way in for a user with images: writes a configuration for them, checks one, and runs the workflow on it."""
