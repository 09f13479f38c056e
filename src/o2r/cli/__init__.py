"""The commands of `o2r`."""
