"""An addon of a user's own: one line for each exchange, beside `-s addons/route.py`."""


class OneLine:
    def exchange_end(self, exchange):
        tokens = (exchange.usage or {}).get("output_tokens", 0)
        seconds = exchange.ended - exchange.started
        print(f"{exchange.model} -> {exchange.provider_name}: {exchange.outcome} in {seconds:.1f} s, {tokens} tokens")


addons = [OneLine()]
