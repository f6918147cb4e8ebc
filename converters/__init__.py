"""Pure conversion between the Responses API and other model protocols: bytes and values in, bytes and values out."""
