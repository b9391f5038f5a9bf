"""Watches rolling updates of native Deployments and undoes the bad ones in seconds."""
