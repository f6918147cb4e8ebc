"""Keys and tokens: kept out of flows, put on the wire, masked where an upstream repeats them."""
