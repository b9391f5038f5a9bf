"""What the controller answers over HTTP: probes and metrics."""
