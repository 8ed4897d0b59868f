"""Carries a playbook out that builds, serves and tests the app, on an app that is served elsewhere.

    drive.py RELAY PLAYBOOK...

In this container's own work tree, `npm run web` becomes the relay to the container that serves the app, and webpack is
left with nothing to build. All else is the playbook's.
"""

import json
import os
import sys

TREE = "/app/expensify"
SCRIPT = "/tmp/lancet-relay.py"

relay, *playbook = sys.argv[1:]
with open(SCRIPT, "w", encoding="utf-8") as file:
    file.write(relay)

with open(f"{TREE}/package.json", encoding="utf-8") as file:
    package = json.load(file)
app = os.environ["LANCET_APP_HOST"]
package["scripts"]["web"] = f"exec python3 {SCRIPT} 127.0.0.1 8082 {app} 18082"
with open(f"{TREE}/package.json", "w", encoding="utf-8") as file:
    json.dump(package, file, indent=2)

for ending, export in (("js", "module.exports ="), ("ts", "export default")):
    config = f"{TREE}/config/webpack/webpack.dev.{ending}"
    if os.path.exists(config):
        with open(config, "w", encoding="utf-8") as file:
            file.write(export + ' {mode: "none", entry: {}};\n')

os.execvp(playbook[0], playbook)
