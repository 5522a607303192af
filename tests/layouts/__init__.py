"""Tiny folders in the layout of the original distributions, each written by the test itself.

One file a domain; `LAYOUTS` maps the name of a catalogue entry to what the contract suite needs to know.
"""
