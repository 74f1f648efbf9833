# SPDX-License-Identifier: Apache-2.0
"""How the documents are built: MyST pages, the reference from docstrings, furo. A warning is an error."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what is documented is this checkout, not what is installed

# The reference imports Airflow, which makes its home where it is told to.
os.environ.setdefault("AIRFLOW_HOME", str(Path(__file__).parent / "_build" / "airflow"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

from airflow_provider_uspeedo import __version__

project = "airflow-provider-uspeedo"
author = "the authors of airflow-provider-uspeedo"
copyright = f"{author}. Apache-2.0"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
html_show_sphinx = False
