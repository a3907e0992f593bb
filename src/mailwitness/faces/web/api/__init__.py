"""The JSON API: everything the console shows, described by /api/openapi.json."""
