"""What is spoken over HTTP: REST API, stream, pages, sign-in, probes and metrics."""
