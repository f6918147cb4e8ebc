"""Starting and running inside mitmproxy: dependencies, options, garbage collection, log lines."""
