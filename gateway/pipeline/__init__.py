"""The life of a request, a file a stage: authenticate, estimate, reserve, admit, call, relay, settle."""
