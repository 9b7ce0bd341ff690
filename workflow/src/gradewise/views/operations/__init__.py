"""The view operations of gradewise, one module per kind: settings, effect on pixels and sizes, and description."""
