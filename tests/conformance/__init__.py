"""Other people's test suites, and the pages of docs/clients, against the gateway in front of every dialect."""
