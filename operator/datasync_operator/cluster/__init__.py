"""The imperative shell around the API server."""
