"""The front door: the command line, and the demonstration that walks the whole path.

Composes all rooms and is imported by none.
"""
