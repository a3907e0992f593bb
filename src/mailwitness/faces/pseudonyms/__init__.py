"""Persons under pseudonyms: what is shown of a view to somebody who does not see names, and how he comes to see one."""
