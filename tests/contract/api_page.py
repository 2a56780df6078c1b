"""openapi.yaml as one page to read: `python -m tests.contract.api_page FILE` writes it.

The file holds all that it needs. Its own content security policy lets it load nothing else.
"""

import base64
import hashlib
import html
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.contract.typescript import CLIENT, CONTRACT

SWAGGER_UI = CLIENT / "node_modules" / "swagger-ui-dist"

SHOW = """
document.documentElement.classList.toggle('dark-mode', matchMedia('(prefers-color-scheme: dark)').matches)
const shown = SwaggerUIBundle({
  spec: JSON.parse(document.getElementById('openapi').textContent),
  dom_id: '#page',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  supportedSubmitMethods: [],
  validatorUrl: null,
})
shown.specActions.updateUrl('https://example.invalid/openapi.json')
"""
"""Shows the document. Requests can't be tried out: the page may reach no server.

Swagger UI resolves references against the document's address, and can't with a `file:` one. So it is given an
address, from which nothing is loaded.
"""

STYLE = """
.swagger-ui .info .link { display: none }
.swagger-ui .opblock-body, .swagger-ui .markdown { overflow-x: auto }
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<noscript>This page needs JavaScript to show openapi.yaml.</noscript>
<div id="page"></div>
<script type="application/json" id="openapi">{document}</script>
<script>{bundle}</script>
<script>{show}</script>
</body>
</html>
"""


def page(document: dict[str, Any]) -> str:
    if not SWAGGER_UI.exists():
        raise FileNotFoundError(f"{SWAGGER_UI} is missing: `make docs` installs it")
    bundle = _script((SWAGGER_UI / "swagger-ui-bundle.js").read_text(encoding="utf-8"))
    hashes = " ".join(_hash(script) for script in (bundle, SHOW))
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
    )
    return PAGE.format(
        policy=policy,
        title=html.escape(f"{document['info']['title']} {document['info']['version']}"),
        style=(SWAGGER_UI / "swagger-ui.css").read_text(encoding="utf-8").partition("/*# sourceMappingURL")[0]
        + STYLE,
        document=json.dumps(document, ensure_ascii=False).replace("<", "\\u003c"),
        bundle=bundle,
        show=SHOW,
    )


def _script(text: str) -> str:
    """Text that may stand in a <script>, without the address of its source map.

    https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements
    """
    without_map = text.partition("//# sourceMappingURL")[0]
    return (
        without_map.replace("</script", "<\\/script")
        .replace("<!--", "<\\!--")
        .replace("<script", "<\\script")
    )


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def write(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    document = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    target.write_text(page(document), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(f"wrote {sys.argv[1]}")
