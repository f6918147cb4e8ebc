"""How each provider and each of its keys fares: cool-downs, probes, parked keys, response times."""
