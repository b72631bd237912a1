"""A page of its own: the module, the data and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import Any

_START = """
const payload = JSON.parse(document.getElementById("payload").textContent);
const values = { ...payload, payload, height: "100%" };
const model = {
  get: (name) => values[name],
  set: (name, value) => { values[name] = value; },
  on() {}, off() {}, save_changes() {},
};
await render({ model, el: document.getElementById("picture") });
document.documentElement.dataset.ready = "yes";
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>html,body,#picture{{height:100%;margin:0}}body{{background:Canvas;padding:8px;box-sizing:border-box}}</style>
</head>
<body>
<div id="picture"></div>
<noscript>This picture is drawn by a script, which is not allowed to run here.</noscript>
<script type="application/json" id="payload">{payload}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def page(module: str, payload: dict[str, Any], title: str) -> str:
    """The text of the page. Its policy allows this one script, styles, and no connection to anywhere."""
    script = module + _START
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'"
    # In a script element only "<" could end it or change how it is read.
    words = json.dumps(payload, separators=(",", ":")).replace("<", "\\u003c")
    return _PAGE.format(policy=policy, title=escape(title), payload=words, script=script)
