"""Tools of the repository: generated pages, links. `make check` and `make update` run them."""
