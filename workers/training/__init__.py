"""Training on the running system's side: watched at a terminal, published to the registry, fed from the catalog."""
