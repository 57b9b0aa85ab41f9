"""Runs before transformers is imported: nothing is fetched, nothing is left in the home folder."""

import os
import tempfile

_home = tempfile.TemporaryDirectory(prefix="mohd-python-")
os.environ["HF_HOME"] = _home.name
os.environ["HF_MODULES_CACHE"] = os.path.join(_home.name, "modules")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import torch  # noqa: E402

torch.set_num_threads(1)
