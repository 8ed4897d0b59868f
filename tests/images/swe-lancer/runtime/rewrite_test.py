"""Gives every `….chromium.launch(…)` of a test file the arguments that this container needs.

    python3 rewrite_test.py test.py

The file is changed in place, as in the published images: whatever the test asked for, the browser runs with a window,
without its sandbox, and behind the proxy on port 8080. `slow_mo` is kept.
"""

import ast
import sys

FORCED = """launch(
    proxy={"server": "http://localhost:8080"},
    headless=False,
    args=[
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--ignore-certificate-errors",
        "--disable-web-security",
        "--disable-features=IsolateOrigins,site-per-process",
    ],
    channel="chromium",
)"""


class Launches(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        match node.func:
            case ast.Attribute(attr="launch", value=ast.Attribute(attr="chromium")):
                kept = [keyword for keyword in node.keywords if keyword.arg == "slow_mo"]
                node.keywords = ast.parse(FORCED, mode="eval").body.keywords + kept
        return node


def main() -> None:
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        tree = Launches().visit(ast.parse(file.read()))
    with open(path, "w", encoding="utf-8") as file:
        file.write(ast.unparse(ast.fix_missing_locations(tree)) + "\n")


if __name__ == "__main__":
    main()
