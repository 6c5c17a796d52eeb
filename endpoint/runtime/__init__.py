"""The only doors to the outside world: clock, chance, network, trace."""
