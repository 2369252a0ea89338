"""What the API and the workers agree on: specifications, the store, blobs, the queue, plans and pictures."""
