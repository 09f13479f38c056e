"""Data to look at: the simulated company, the book's and what arrives live."""
