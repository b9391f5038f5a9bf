"""The Kubernetes API: what is watched, what is written, and how our objects are spelled there."""
