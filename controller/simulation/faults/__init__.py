"""What goes wrong between the controller and its world, and people who interfere; all seeded."""
