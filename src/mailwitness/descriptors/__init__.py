"""Security descriptors: binary and SDDL, their difference, and the names of rights."""
