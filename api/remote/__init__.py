"""The client's parts; `api.client` is its front."""
