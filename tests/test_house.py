"""The rules of the house that no linter knows: where things stand, who may know whom, and how big they may be."""

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from converters.protocols import PROTOCOLS, converted

ROOT = Path(__file__).parents[1]
TOP = {"pyproject.toml", "README.md", "addons", "converters", "tests", "flows", "scripts"}
MODULES = [path for folder in ("addons", "converters") for path in sorted((ROOT / folder).rglob("*.py"))]

LEFT_BEHIND = re.compile(r"/__pycache__/|/\.")
"""What tools leave beside the files."""

LONGEST_FILE = 400
LONGEST_FUNCTION = 40

LINT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
UNCLEAN = LINT["flake8-tidy-imports"]["banned-api"].keys()
"""What converters may not import; ruff says why, at the line."""

DOORS = {"converters.conversion", "converters.errors", "converters.dialect", "converters.jsontext", "converters.losses"}
DOORS |= {
    "converters.request_fingerprint",
    "converters.protocols",
    "converters.rendering.readable",
    "converters.response_shape",
    "converters.seal",
}
"""All of converters that addons may know: a protocol's folder is behind them."""

MACHINE = re.compile(r"/root/\.|(?<!\w)/(?:farm|work)/\w|/tmp/\w+/")
REGISTRIES = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org")
RECORDED = "flows/"
"""What somebody said once: any words may stand there that redaction leaves, and tests/test_flows.py looks for others."""


PACKAGES = ["runtime", "credentials", "routing", "state", "health", "rate_limits", "lessons", "exchange", "layer"]
PACKAGES += ["failover", "endpoints", "inspection", "cases", "redaction", "recording", "playback"]
"""Of addons, in such an order that each knows only those before it."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, by their full names: `from converters import sse` is `converters.sse`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{name(path)}:{node.lineno}: a relative import"
            package = ROOT / node.module.replace(".", "/")
            for alias in node.names:
                is_module = (package / f"{alias.name}.py").exists() or (package / alias.name).is_dir()
                yield f"{node.module}.{alias.name}" if is_module else node.module


def texts() -> Iterator[tuple[str, str]]:
    """Every file that goes into the repository, with its text; pictures have none."""
    for top in sorted(ROOT.iterdir()):
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if top.name in TOP | {".ci"} and path.is_file() and not LEFT_BEHIND.search(name(path)):
                if path.suffix == ".png":
                    continue
                yield name(path), path.read_text()


def test_the_top_level_holds_what_a_newcomer_expects_and_no_more() -> None:
    there = {
        path.name for path in ROOT.iterdir() if not path.name.startswith((".", "__")) and path.suffix != ".egg-info"
    }
    assert there == TOP


def test_converters_are_pure() -> None:
    pure = (set(sys.stdlib_module_names) - UNCLEAN) | {"pydantic", "orjson", "converters"}
    converters = [path for path in MODULES if path.is_relative_to(ROOT / "converters")]
    assert [f"{name(p)}: {m}" for p in converters for m in imports(p) if m.split(".")[0] not in pure] == []


def test_addons_use_converters_by_their_doors() -> None:
    addons = [path for path in MODULES if path.is_relative_to(ROOT / "addons")]
    known = [(path, module) for path in addons for module in imports(path) if module.startswith("converters")]
    assert [f"{name(path)}: {module}" for path, module in known if module not in DOORS] == []


def test_addons_are_two_scripts_and_a_package_for_each_concern() -> None:
    addons = ROOT / "addons"
    assert {path.name for path in addons.glob("*.py")} == {"__init__.py", "route.py", "replay.py"}
    assert sorted(path.parent.name for path in addons.glob("*/__init__.py")) == sorted(PACKAGES)


def test_a_package_of_addons_knows_only_those_below_it() -> None:
    found = []
    for number, package in enumerate(PACKAGES):
        below = {"__version__", *PACKAGES[: number + 1]}
        for path in (ROOT / "addons" / package).rglob("*.py"):
            known = [module.split(".")[1] for module in imports(path) if module.startswith("addons.")]
            found += [f"{name(path)}: {other}" for other in known if other not in below]
    assert found == []


def test_no_folder_uses_what_another_keeps_to_itself() -> None:
    found = [
        f"{name(path)}:{node.lineno}: {alias.name}"
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(("addons.", "converters."))
        for alias in node.names
        if re.match("_[^_]", alias.name) and room(node.module) != room(".".join(path.relative_to(ROOT).parts))
    ]
    assert found == []


def room(module: str) -> str:
    """Where a module of converters stands: its folder, or itself if it is in none."""
    parts = module.split(".")
    path = ROOT.joinpath(*parts[:2])
    return ".".join(parts[:2]) if path.is_dir() or path.with_suffix(".py").exists() else parts[0]


def test_a_protocols_folder_is_known_by_the_table_alone() -> None:
    """But for the hub: every protocol's requests come from Responses, and its responses become one."""
    folders = {f"converters.{name}" for name in PROTOCOLS}
    hub = "converters.responses"
    converters = [path for path in MODULES if path.is_relative_to(ROOT / "converters")]
    known = [(path, room(module)) for path in converters for module in imports(path)]
    found = [
        f"{name(path)}: {folder}"
        for path, folder in known
        if folder in folders - {hub}
        if f"converters.{path.parent.name}" != folder and path.name != "protocols.py"
    ]
    assert found == []


def test_who_knows_one_protocols_folder_knows_all() -> None:
    common = {"dialect", "request", "messages", "content", "tools", "tool_schema", "effort", "reasoning"}
    common |= {"response", "usage", "finish_reason", "rendering"}
    folders = {
        protocol: {path.stem for path in (ROOT / "converters" / protocol).glob("*.py")} for protocol in converted()
    }
    assert {protocol: common - files for protocol, files in folders.items() if not common <= files} == {}


def test_no_module_of_converters_needs_itself() -> None:
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    needs = {
        module.removesuffix(".__init__"): {found for found in imports(path) if found.startswith("converters")}
        for module, path in modules.items()
        if module.startswith("converters")
    }
    assert circles(needs) == []


def circles(needs: dict[str, set[str]]) -> list[str]:
    """The names that are left when all are taken away that need none of the rest, again and again."""
    while free := [name for name, needed in needs.items() if not needed & needs.keys() - {name}]:
        needs = {name: needed for name, needed in needs.items() if name not in free}
    return sorted(needs)


def test_every_module_has_its_tests_where_one_looks_for_them() -> None:
    modules = [path for path in MODULES if path.name != "__init__.py"]
    mirrors = [ROOT / "tests" / path.relative_to(ROOT).with_name(f"test_{path.name}") for path in modules]
    assert [name(path) for path in mirrors if not path.exists()] == []


def test_files_fit_into_a_mind() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in MODULES}
    assert [f"{name(path)}: {lines} lines" for path, lines in lengths.items() if lines > LONGEST_FILE] == []


def test_functions_fit_on_a_screen() -> None:
    functions = [
        (path, node)
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = [(f"{name(path)}: {f.name}", (f.end_lineno or f.lineno) - f.lineno + 1) for path, f in functions]
    assert [f"{where}, {lines} lines" for where, lines in lengths if lines > LONGEST_FUNCTION] == []


def decisions(tree: ast.AST) -> Iterator[ast.Constant]:
    """The constants that a program's course depends on: compared with, matched, or looked for at an end of a text."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare() | ast.MatchValue():
                yield from (child for child in ast.walk(node) if isinstance(child, ast.Constant))
            case ast.Call(func=ast.Attribute(attr="startswith" | "endswith" | "removeprefix" | "removesuffix")):
                yield from (
                    child for argument in node.args for child in ast.walk(argument) if isinstance(child, ast.Constant)
                )


def test_no_providers_name_decides_in_code() -> None:
    shipped = tomllib.loads((ROOT / "addons" / "routing" / "providers.toml").read_text())["providers"]
    companies = {name.partition("-")[0] for name in shipped} - PROTOCOLS.keys()
    found = [
        f"{name(path)}:{constant.lineno}: {constant.value!r}"
        for path in MODULES
        for constant in decisions(tree(path))
        if isinstance(constant.value, str) and companies & set(re.split(r"[^a-z]+", constant.value.lower()))
    ]
    assert found == []


def test_no_machine_and_no_registry_stands_in_the_repository() -> None:
    own = [(where, text) for where, text in texts() if not where.startswith(RECORDED)]
    patterns = (MACHINE, REGISTRIES)
    assert [f"{where}: {found[0]}" for where, text in own for p in patterns for found in p.finditer(text)] == []


def test_nothing_is_left_open() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [f"{name(path)}: {found[0]}" for path in MODULES for found in later.finditer(path.read_text())] == []
