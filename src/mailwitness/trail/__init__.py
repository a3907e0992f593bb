"""The only writer: Delta Lake tables, Merkle log, checkpoints, anchors, evidence."""
