"""The microservices, one module each."""
