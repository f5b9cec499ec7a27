"""The arrows between the parts, read off the sources; and what may not creep in."""

import ast
import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import vaescope

ROOT = Path(vaescope.__file__).parent
TESTS = Path(__file__).parent
FILES = {str(path.relative_to(ROOT)): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
FRAMEWORKS = {"pytorch_lightning", "lightning", "wandb", "hydra", "omegaconf"}
LEAVES = {
    "errors",
    "memory",
    "nested",
    "progress_bars",
    "ranges",
    "ranks",
    "streams",
    "factor_kinds",
    "late_modules",
    "tensor_checks",
    "minibatch",
    "timing",
}
TEXTS = {"errors", "escaping", "files"}

# rooms that `import vaescope` offers as they are
OFFERED = {"alignment", "callbacks", "data", "distributions", "metrics", "models", "networks"}
OFFERED |= {"panel", "scores", "statistics"}

# room of vaescope -> rooms that it may import besides itself
ARROWS = {
    "__init__": {"api", "errors", *OFFERED},
    "__main__": {"cli"},
    "errors": set(),
    "escaping": set(),
    "factor_kinds": set(),
    "files": set(),
    "hardware": {"errors"},
    "late_modules": set(),
    "learning_rates": {"errors", "ranges"},
    "memory": {"errors"},
    "progress_bars": set(),
    "ranges": {"errors"},
    "ranks": set(),
    "scores": {"errors"},
    "stopping": set(),
    "streams": set(),
    "minibatch": set(),
    "nested": set(),
    "tensor_checks": {"errors"},
    "timing": set(),
    "distributions": LEAVES,
    "networks": LEAVES,
    "metrics": LEAVES,
    "alignment": LEAVES | {"distributions"},
    "panel": LEAVES | {"alignment", "metrics", "scores"},
    "data": LEAVES | {"files"},
    "models": LEAVES | {"config", "distributions", "networks"},
    "ensemble": {"minibatch", "models", "streams"},
    "statistics": LEAVES
    | {"alignment", "data", "distributions", "metrics", "models", "panel", "scores"},
    "config": TEXTS | {"hardware", "nested", "ranges", "scores"},
    "run_folder": TEXTS | {"config", "nested", "timing"},
    "report": LEAVES | TEXTS | {"data", "models", "run_folder", "scores"},
    "loggers": LEAVES | {"dashboard", "data", "files", "run_folder", "scores", "stopping"},
    "callbacks": LEAVES
    | {"data", "distributions", "ensemble", "files", "loggers", "models", "panel", "report"}
    | {"run_folder", "scores", "statistics", "stopping"},
    "updates": {"callbacks", "data", "ensemble", "errors", "hardware", "learning_rates"}
    | {"minibatch", "models"},
    "sweeps": TEXTS | {"nested", "config", "report", "run_folder", "scores", "stopping"},
    "experiment": LEAVES
    | TEXTS
    | {"callbacks", "config", "data", "distributions", "ensemble", "hardware", "learning_rates"}
    | {"loggers", "models", "networks", "panel", "report", "run_folder", "scores"}
    | {"statistics", "stopping", "updates"},
    "dashboard": {"errors", "files", "scores"},
    "diagnosis": LEAVES
    | TEXTS
    | {"alignment", "config", "data", "files", "metrics", "report", "run_folder"},
    "audit": LEAVES | TEXTS | {"metrics", "panel", "report", "run_folder", "scores"},
    "modification": LEAVES
    | TEXTS
    | {"alignment", "config", "data", "diagnosis", "distributions", "files", "hardware"}
    | {"networks", "report", "run_folder", "stopping"},
    "reproduction": LEAVES
    | TEXTS
    | {"alignment", "config", "data", "diagnosis", "distributions", "experiment", "models"}
    | {"modification", "report", "run_folder", "scores"},
    "commands": LEAVES
    | TEXTS
    | {
        "audit",
        "callbacks",
        "config",
        "dashboard",
        "data",
        "diagnosis",
        "experiment",
        "export",
        "hardware",
        "modification",
        "report",
        "reproduction",
    }
    | {"run_folder", "scores", "stopping", "sweeps"},
    "export": LEAVES
    | TEXTS
    | {"config", "data", "distributions", "experiment", "models", "run_folder", "scores"},
    "api": LEAVES
    | {"commands", "config", "data", "experiment", "models", "panel", "report", "run_folder"}
    | {"scores", "stopping"},
    "cli": TEXTS
    | {"__version__", "commands", "config", "run_folder", "stopping", "sweeps", "timing"},
}
PURE = (
    *("errors", "ranges", "streams", "factor_kinds", "distributions", "networks"),
    *("metrics", "alignment", "panel", "scores"),
)
MAY_CONFIGURE = {"api", "config", "commands", "experiment", "export", "sweeps"}


def imports(tree, at_load_only=False):
    """Dotted names of everything that a module imports."""
    nodes = _at_load(tree) if at_load_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_load(node):
    """Nodes that run when the module is imported: not the bodies of functions."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _at_load(child)


def part(name):
    """Part of the house that a file belongs to: its folder, or its own name at the top."""
    return name.removesuffix(".py").split("/")[0]


def files_of(what):
    return sorted(name for name in FILES if part(name) == what)


def imported_parts(name):
    ours = {dotted for dotted in imports(TREES[name]) if dotted.split(".")[0] == "vaescope"}
    return {dotted.split(".")[1] for dotted in ours if "." in dotted}


def packages(name, at_load_only=False):
    return {dotted.split(".")[0] for dotted in imports(TREES[name], at_load_only)}


def test_files_of_tests_have_names_of_their_own():
    """pytest collects no second file of a name, unless its folder is a package."""
    names = sorted(path.name for path in TESTS.rglob("test_*.py"))
    assert names == sorted(set(names))


def test_no_test_imports_a_test():
    """What several tests need lies in tests/builders."""
    folder = TESTS
    names = {path.stem for path in folder.rglob("test_*.py")} | {"conftest"}
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {word for dotted in imports(tree) for word in dotted.split(".")}
        assert not modules & names, path


def test_every_room_has_its_arrows():
    assert {part(name) for name in FILES} == ARROWS.keys()


def test_arrows_make_no_circle():
    TopologicalSorter(ARROWS).prepare()


def failing(names, fails):
    """Those of ``names`` of which ``fails(name)`` has something to say, with what it says."""
    return {name: said for name in names if (said := fails(name))}


@pytest.mark.parametrize("what", ARROWS)
def test_arrows_point_one_way(what):
    assert not failing(files_of(what), lambda name: imported_parts(name) - ARROWS[what] - {what})


@pytest.mark.parametrize("what", PURE)
def test_numbers_know_no_framework(what):
    assert not failing(files_of(what), lambda name: packages(name) & FRAMEWORKS)


class TestEveryFile:
    def test_only_the_glue_imports_hydra(self):
        others = [name for name in FILES if part(name) not in MAY_CONFIGURE]
        assert not failing(others, lambda name: packages(name) & {"hydra", "omegaconf"})

    def test_nobody_imports_wandb_at_load(self):
        assert not failing(FILES, lambda name: packages(name, at_load_only=True) & {"wandb"})

    def test_name_says_what_it_holds(self):
        said = {"utils", "util", "helpers", "helper", "common", "misc"}
        assert not failing(FILES, lambda name: said & set(name.removesuffix(".py").split("/")))

    def test_constructors_take_no_kwargs(self):
        def lines(name):
            return [
                node.lineno
                for node in ast.walk(TREES[name])
                if isinstance(node, ast.FunctionDef) and node.name == "__init__" and node.args.kwarg
            ]

        offered = [name for name in FILES if part(name) in ("models", "data", "callbacks")]
        assert not failing(offered, lines)

    def test_handles_no_exception_bare(self):
        def lines(name):
            handlers = (n for n in ast.walk(TREES[name]) if isinstance(n, ast.ExceptHandler))
            return [handler.lineno for handler in handlers if handler.type is None]

        assert not failing(FILES, lines)


def public():
    """Public functions and classes of the parts whose numbers have to say what they are."""
    for what in ("models", "metrics", "alignment", "networks", "distributions"):
        package = importlib.import_module(f"vaescope.{what}")
        walked = pkgutil.walk_packages(getattr(package, "__path__", []), f"{package.__name__}.")
        for module in (package, *(importlib.import_module(found.name) for found in walked)):
            for name, value in vars(module).items():
                ours = getattr(value, "__module__", None) == module.__name__
                thing = inspect.isclass(value) or inspect.isfunction(value)
                if ours and thing and not name.startswith("_"):
                    yield f"{module.__name__}.{name}", value


def modules(what):
    package = importlib.import_module(f"vaescope.{what}")
    walked = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(found.name) for found in walked]


def test_no_file_has_the_name_of_a_function_or_class_in_it():
    kinds = (ast.FunctionDef, ast.ClassDef)
    assert not [
        name
        for name, tree in TREES.items()
        if any(isinstance(n, kinds) and n.name == Path(name).stem for n in tree.body)
    ]


@pytest.mark.parametrize("what", ["models", "metrics", "alignment", "networks", "distributions"])
def test_no_module_has_the_name_of_what_it_holds(what):
    """``from vaescope.metrics import dci`` then means one thing, whatever was imported before."""
    package = importlib.import_module(f"vaescope.{what}")
    for module in modules(what):
        name = module.__name__.rpartition(".")[2]
        assert not hasattr(module, name), module.__name__
        assert inspect.ismodule(getattr(package, name, package)), module.__name__


def own_docstring(value):
    """A docstring that the object itself has, not one of its parents'."""
    text = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    return inspect.cleandoc(text or "")


def test_public_things_say_what_they_are():
    silent = []
    for name, value in public():
        first = own_docstring(value).partition("\n")[0]
        if len(first) <= 10 or first.startswith(f"{value.__name__}("):  # what a dataclass makes up
            silent.append(name)
        for part_name, method in vars(value).items() if inspect.isclass(value) else ():
            public_method = not part_name.startswith("_") and inspect.isfunction(method)
            if public_method and not inspect.getdoc(method):
                silent.append(f"{name}.{part_name}")
    assert not silent


def methods():
    models = importlib.import_module("vaescope.models")
    base = models.LatentModel
    return [
        value
        for value in vars(models).values()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    ]


def test_methods_name_their_source():
    for method in methods():
        text = " ".join(own_docstring(method).split())
        assert "Source: " in text, method
        assert "https://" in text.partition("Source: ")[2], method
        assert "Differs: " in text.partition("Source: ")[2], method


def test_examples_run():
    """The ``Example:`` blocks of all modules are true, to the digit."""
    failed, tried = [], 0
    for found in pkgutil.walk_packages(vaescope.__path__, "vaescope."):
        if found.name == "vaescope.__main__":  # runs the command line
            continue
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            results = doctest.testmod(
                importlib.import_module(found.name), optionflags=doctest.ELLIPSIS
            )
        tried += results.attempted
        failed += [told.getvalue()] if results.failed else []
    assert not failed, "\n".join(failed)
    assert tried > 200
