"""The public interface changes only on purpose: `tests/public_api.txt` lists all of it.

``python -m tests.test_public_api`` writes the list anew.
"""

import difflib
import functools
import importlib
import inspect
import re
from pathlib import Path

import pytest

import sklearn_ae

FILE = Path(__file__).with_name("public_api.txt")
# Every module without a leading underscore, packages for all that is in them.
MODULES = [
    "sklearn_ae",
    *(
        f"sklearn_ae.{path.stem}"
        for path in sorted(Path(sklearn_ae.__file__).parent.iterdir())
        if path.stem[0] != "_" and (path.suffix == ".py" or (path / "__init__.py").exists())
    ),
]


def is_own(owner):
    return owner.__module__.partition(".")[0] == "sklearn_ae"


def parameters(function, *, bound=False):
    """Write the parameters without their types, and without `self` if the function is bound."""
    signature = inspect.signature(function)
    names = [it.replace(annotation=it.empty) for it in signature.parameters.values()][bound:]
    text = str(signature.replace(parameters=names, return_annotation=signature.empty))
    return re.sub(r"=<[^>]*>", "=...", text)


def describe_class(name, cls):
    owner = {}
    for it in reversed(cls.__mro__):
        owner |= dict.fromkeys(vars(it), it)
    makes = (owner["__init__"], owner["__new__"])
    yield name + (parameters(cls) if any(map(is_own, makes)) else "")
    for member in sorted(owner):
        # scikit-learn makes set_fit_request and the like of the parameters of fit.
        if member[0] == "_" or not is_own(owner[member]) or re.match("set_.*_request$", member):
            continue
        value = inspect.getattr_static(cls, member)
        if isinstance(value, (property, functools.cached_property)):
            yield f"{name}.{member}"
        elif callable(getattr(cls, member)):
            bound = not isinstance(value, (staticmethod, classmethod))
            yield f"{name}.{member}{parameters(getattr(cls, member), bound=bound)}"


def describe(name, value):
    if inspect.isclass(value):
        yield from describe_class(name, value)
    elif inspect.isroutine(value):
        yield name + parameters(value)
    elif isinstance(value, (dict, set, frozenset)):
        yield f"{name}: {', '.join(sorted(map(str, value)))}"
    else:
        yield name


def public_api():
    """Describe every public name, one on each line."""
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in sorted(module.__all__):
            yield from describe(f"{module_name}.{name}", getattr(module, name))


@pytest.mark.parametrize("module", MODULES)
def test_public_modules_say_what_is_public(module):
    names = importlib.import_module(module).__all__
    assert len(set(names)) == len(names)
    assert not [name for name in names if name[0] == "_"]


def test_public_api_is_as_listed():
    listed, found = FILE.read_text(encoding="utf-8").splitlines(), list(public_api())
    changes = "\n".join(difflib.unified_diff(listed, found, "listed", "found", n=0, lineterm=""))
    assert not changes, (
        f"The public interface has changed:\n{changes}\n"
        "If that is on purpose, say so in CHANGELOG.md and run `python -m tests.test_public_api`."
    )


if __name__ == "__main__":
    FILE.write_text("".join(f"{line}\n" for line in public_api()), encoding="utf-8")
