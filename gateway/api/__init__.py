"""The listeners' surface: which path is what, and how a request's parts reach the pipeline."""
