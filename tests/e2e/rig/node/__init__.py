"""A node of the cluster that runs every container as a process of this machine."""
