"""The generators that come with the distribution: cross-checks of ours, and saturation throughput."""
