"""Writers of the real file formats, from the published format descriptions."""
