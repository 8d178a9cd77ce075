"""The imperative shell: it takes a request the whole way. `pipeline` is the page to read first."""
