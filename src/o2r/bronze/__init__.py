"""Bronze: the contracts of its tables and the loader that fills them."""
