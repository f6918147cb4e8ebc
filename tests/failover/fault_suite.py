"""Runs scenarios: a client, a real proxy, and one or two providers of which the first has a fault."""

import asyncio
import re
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.e2e import proxy
from tests.e2e.codex import find_binary, scratch_folder
from tests.failover.clients import CLIENTS, PATIENT_CODEX, WHOLE, Told
from tests.failover.faults import WAIT, Fault
from tests.failover.provider import KEYS, Cure, Provider, serving

_IMPATIENT = "connect = 5.0\nfirst_byte = 5.0\nidle = 2.0\nprogress = 9.0\n"
"""Seconds, and enough of them for a busy machine to get to the first content."""


_CRASH = re.compile(r"^.*(?:Traceback|has crashed|Unhandled|never retrieved|the proxy failed).*$", re.MULTILINE)
_KEY_VARIABLES = dict(zip(("FIRST_FAULT_KEY", "SECOND_FAULT_KEY"), KEYS, strict=True))


@dataclass(frozen=True)
class Scenario:
    """`protocols` are those of the providers, in the order of the route; the first one has the fault."""

    fault: Fault
    client: str
    protocols: tuple[str, ...]
    cure: Cure = None
    """Of the fault, see `provider.Provider`."""

    @property
    def has_own_retries(self) -> bool:
        return self.client == PATIENT_CODEX

    @property
    def is_late(self) -> bool:
        """The fault strikes when the client has read content; one that reads no stream has not."""
        return self.fault.strikes == "after content" and self.client != WHOLE

    @property
    def is_curable(self) -> bool:
        """Somebody would answer, if not at once."""
        return not self.fault.is_told and (self.cure is not None or len(self.protocols) > 1)

    def __str__(self) -> str:
        cure = f", cured by {self.cure}" if self.cure else ""
        return f"{self.fault.name}, {' then '.join(self.protocols)}{cure}, {self.client}"


@dataclass(frozen=True)
class Observation:
    """`requests` are those that each provider saw."""

    scenario: Scenario
    told: Told
    requests: tuple[int, ...]
    seconds: float

    @property
    def is_answered(self) -> bool:
        return self.told.code == 0 and self.told.text.endswith("has the answer")

    @property
    def is_quiet(self) -> bool:
        """The client's user read nothing of a fault."""
        return not self.told.retries and not self.told.noise


@dataclass(frozen=True)
class _Prepared:
    scenario: Scenario
    model: str
    providers: list[Provider]

    @classmethod
    def of(cls, scenario: Scenario, number: int) -> "_Prepared":
        """Names of its own: what the proxy learns of a provider stays in the scenario."""
        first, *others = scenario.protocols
        providers = [Provider(f"first-{number}", first, scenario.fault, scenario.cure)]
        providers += [Provider(f"second-{number}", protocol) for protocol in others]
        return cls(scenario, f"model-{number}", providers)

    def routes(self) -> str:
        names = ", ".join(f'"{provider.name}"' for provider in self.providers)
        # Where a wait is asked for, no longer one is in the budget, such as that of who is asked for none.
        retry = f"retry = {{ wait = {WAIT + 1} }}\n" if self.scenario.fault.wait else ""
        tables = [f'[[routes]]\nmodels = ["{self.model}"]\nproviders = [{names}]\n{retry}']
        for provider in self.providers:
            limits = _IMPATIENT if provider.fault and provider.fault.impatient else ""
            keys = f"key_env = {[*_KEY_VARIABLES]}" if provider.cure == "key" else 'auth = "none"'
            address = f'protocol = "{provider.protocol}"\nbase_url = "{provider.base_url}"\n'
            tables.append(f"[providers.{provider.name}]\n{address}{keys}\n{limits}")
        return "\n".join(tables)

    async def run(self, base_url: str, folder: Path) -> Observation:
        began = time.monotonic()
        told = await CLIENTS[self.scenario.client](base_url, self.model, folder / self.model)
        requests = tuple(provider.requests for provider in self.providers)
        return Observation(self.scenario, told, requests, time.monotonic() - began)


async def observe(scenarios: Iterable[Scenario], folder: Path, *, at_once: int) -> list[Observation]:
    """All of them, in their order; `folder` gets what the proxy keeps, `at_once` is how many clients of a kind run.

    Raises:
        AssertionError: the proxy's log tells of a defect in it.
    """
    find_binary()
    prepared = [_Prepared.of(scenario, number) for number, scenario in enumerate(scenarios, 1)]
    semaphores = {client: asyncio.Semaphore(at_once) for client in CLIENTS}

    async with AsyncExitStack() as stack:
        providers = [provider for one in prepared for provider in one.providers]
        await stack.enter_async_context(serving(providers, folder))
        routes = "\n".join(one.routes() for one in prepared)
        running = proxy.running(folder, routes, "http://127.0.0.1:9", _KEY_VARIABLES, settings={"flow_detail": 0})
        started = await asyncio.to_thread(running.__enter__)
        stack.push_async_callback(asyncio.to_thread, running.__exit__, None, None, None)
        scratch = stack.enter_context(scratch_folder())

        async def limited(one: _Prepared) -> Observation:
            async with semaphores[one.scenario.client]:
                return await one.run(started.base_url, scratch)

        observations = await asyncio.gather(*map(limited, prepared))
        problems = _CRASH.findall(started.log.read_text(errors="replace"))
    if problems:
        raise AssertionError("the proxy's log: " + "\n".join(problems))
    return observations
