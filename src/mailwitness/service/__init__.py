"""The running service: its processes, configuration, health, copies, and the check of an installation."""
