"""What the trail tells, in the schemas of other programs: ECS, OCSF, CEF, Timesketch. Streams; mappings are data."""
