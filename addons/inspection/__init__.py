"""What a person sees of the traffic in mitmweb, mitmproxy and the log."""
