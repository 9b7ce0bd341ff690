"""Where in an image a class shows: maps, how well they fit masks of defects, and what they mark."""
