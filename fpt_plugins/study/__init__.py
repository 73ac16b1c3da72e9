"""Studies: grids of arms that survive interruption, each arm with its own learning rate and controls."""
