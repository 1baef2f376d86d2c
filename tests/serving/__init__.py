"""The gateway as real processes: start, stop, workers that die, refusals to start."""
