"""The whole service on a cluster in memory, for people who want to see it: `canaryctl demo`."""
