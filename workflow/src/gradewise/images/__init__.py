"""From files to a checked list of images and its splits."""
