"""What a run leaves behind."""

import os
import tempfile
import zipfile

TRACE_LIMIT = 32 * 1024 * 1024  # bytes, for each test and seat


class Results:
    def __init__(self, folder):
        self.folder = folder
        self.screenshots = os.path.join(folder, "screenshots")
        os.makedirs(self.screenshots, exist_ok=True)

    def log(self, line):
        # A page may say anything, half of a surrogate pair too, and that is no error of the tests.
        with open(os.path.join(self.folder, "log.txt"), "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line + "\n")

    def screenshot(self, page, name):
        page.screenshot(path=os.path.join(self.screenshots, f"{name}.png"), timeout=2_000)

    def add_trace(self, context, name):
        """Puts what the context has traced into trace.zip, which the trace viewer shows as one."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trace.zip")
            context.tracing.stop_chunk(path=path)
            if os.path.getsize(path) > TRACE_LIMIT:
                self.log(f"{name}: the trace is too large to be kept")
                return
            with zipfile.ZipFile(path) as trace, zipfile.ZipFile(
                os.path.join(self.folder, "trace.zip"), "a", zipfile.ZIP_DEFLATED
            ) as whole:
                known = set(whole.namelist())
                for entry in trace.namelist():
                    # `trace.network` is a part of this context; `resources/…` are named by their content.
                    target = entry.replace("trace", name, 1) if entry.startswith("trace.") else entry
                    if target not in known:
                        whole.writestr(target, trace.read(entry))
