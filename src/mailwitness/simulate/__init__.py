"""An organisation with a known truth, written in the real file formats."""
