"""Whether the suite and an independent tool, side by side in one run, measure the same."""
