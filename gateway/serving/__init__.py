"""Running the gateway as processes: listeners, signals, one process or a supervisor with workers."""
