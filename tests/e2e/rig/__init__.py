"""The real world in tests: a control plane, a node, metrics and traffic."""
