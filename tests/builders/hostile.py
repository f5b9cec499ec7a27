"""Configuration nodes that run code, read or write when they are built; each leaves a mark."""

import logging
import pickle
from pathlib import Path

import torch

EVIL = "evil_module"  # a module whose import leaves the mark


class Mark:
    """An object that makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


class MarkingHandler(logging.Handler):
    """A log handler that makes a file when it is configured."""

    def __init__(self, path):
        super().__init__()
        Path(path).touch()


def attacks(folder, mark):
    """Nodes by name; built without a check, each makes the file ``mark``.

    Args:
        folder: for the files that some of them read; they are written here.
        mark: path of the file.
    """
    mark, code = str(mark), f"open({str(mark)!r}, 'w').close()"
    files = {
        "script.py": code,
        f"{EVIL}.py": f"{code}\ndef Network(*args, **kwargs): ...\n",
        "hub/hubconf.py": f"{code}\ndef net(): ...\n",
        "site/evil.pth": f"import os; {code}\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    pickled, saved, script = (str(folder / n) for n in ("x.pkl", "x.pt", "script.py"))
    Path(pickled).write_bytes(pickle.dumps(Mark(mark)))
    torch.save(Mark(mark), saved)
    touch, words = f"touch '{mark}'", ["touch", mark]
    network = f"{EVIL}.Network"

    def node(target, *args, **named):
        return {"_target_": target} | ({"_args_": list(args)} if args else {}) | named

    system, opened = node("os.system", touch), node("builtins.open", mark, "w")
    log = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"x": {"class": "builders.hostile.MarkingHandler", "path": mark}},
    }
    found = [
        *(system, node("posix.system", touch), node("os.mkdir", mark)),
        node("subprocess.run", words),
        node("subprocess.check_output", words),
        node("subprocess.getoutput", touch),
        *(opened, node("io.open", mark, "w")),
        node("builtins.eval", code),
        node("builtins.exec", code),
        node("timeit.timeit", code, number=1),
        node("sympy.sympify", f"__import__('os').system({touch!r})"),
        node("torch.load", saved, weights_only=False),
        node("torch.serialization.load", saved, weights_only=False),
        node("torch.save", 1, mark),
        node("torch.hub.load", str(folder / "hub"), "net", source="local"),
        node("joblib.load", pickled),
        node("joblib.dump", 1, mark),
        node("numpy.load", pickled, allow_pickle=True),
        node("numpy.savetxt", mark, [1.0]),
        node("pickle.load", node("builtins.open", pickled, "rb")),
        node("site.addsitedir", str(folder / "site")),
        node("runpy.run_path", script),
        node("importlib.import_module", EVIL),
        node("builtins.__import__", EVIL),
        node(network),
        node("pydoc.locate", network),
        node("hydra.utils.get_class", path=network),
        node("hydra.utils.get_method", path=network),
        node("hydra.utils.get_object", network),
        node("hydra.utils.call", node("builtins.dict", _target_=network)),
        node("pathlib.Path.touch", node("pathlib.Path", mark)),
        node("shutil.copy", script, mark),
        node("logging.FileHandler", mark),
        node("logging.config.dictConfig", log),
        # by names that our own and the allowed modules have imported
        node("vaescope.config.trust.os.system", touch),
        node("vaescope.run_folder.environment_file.subprocess.run", words),
        node("vaescope.experiment.assembly.torch.load", saved, weights_only=False),
        node("vaescope.experiment.codes_file.np.savetxt", mark, [1.0]),
        node("vaescope.data.files.cache.os.mkdir", mark),
        node("vaescope.config.targets.import_module", EVIL),
        node("vaescope.config.trust.locate", network),
        node("vaescope.files.write_text", node("pathlib.Path", mark), "x"),
        node("torch.optim.optimizer.functools.partial", system),
        node("pytorch_lightning.trainer.trainer.os.mkdir", mark),
        # inside of what may be built
        node("torch.nn.Sequential", system),
        node("torch.nn.ReLU", inplace=system),
        node("torch.nn.ModuleDict", {"a": node("torch.nn.ModuleList", [system])}),
        node("pytorch_lightning.callbacks.LambdaCallback", system),
    ]
    return {f"{number} {entry['_target_']}": entry for number, entry in enumerate(found)}
