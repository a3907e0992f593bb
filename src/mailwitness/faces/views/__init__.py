"""What the faces show, as typed views: an engine and a picture in, a struct out. No HTML here, and no new truth."""
