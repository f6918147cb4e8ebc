"""What the program needs before and beside all else: its dependencies, its options, its memory, its log lines."""
