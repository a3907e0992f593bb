"""The pages, one module a topic. A page is a function from a request to a view and a template's name."""
