"""The operations of gradewise on images, a module for each kind: settings, pixels, sizes and words."""
