"""One module per source system; `deliver(world)` yields pairs (bronze table, Arrow table)."""
