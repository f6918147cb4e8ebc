"""Keys and tokens: kept out of flows, sent on the wire only, and masked where an upstream repeats them."""
