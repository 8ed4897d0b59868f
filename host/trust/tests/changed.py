"""Changes each bit of what was signed, of large files one in each byte or in some, and counts what `verify.py` and `short.py` take all the same.

    changed.py FOLDER-OF-VERIFY FOLDER
"""
import io, pathlib, sys

sys.path.insert(0, sys.argv[1])
import short, verify

folder = pathlib.Path(sys.argv[2])
key, witness = [verify.load_key(folder / name) for name in ("acme.pub", "witness.pub")]
read = lambda name: (folder / name).read_bytes()
package, bundle, note = read("plugin.wasm"), read("plugin.wasm.sigstore.json"), read("checkpoint")


def inclusion(lines, note=note):
    size, root = verify.open_checkpoint(note, "example.org/log", key)
    verify.verify_inclusion(read("leaf"), 5, verify.hashes(lines.decode()), size, root)


def suite(changed, path):
    """A suite of which one file has these bytes."""
    (folder / "suite" / path).write_bytes(changed)
    try:
        verify.verify_suite(folder / "suite", read("suite.sigstore.json"), key)
    finally:
        (folder / "suite" / path).write_bytes(files[path])


files = {path: read(f"suite/{path}") for path in ("suite.toml", "tasks/one/statement.md", "graders/mine.wasm")}
cases = {
    "bundle": (bundle, lambda changed: verify.verify_package(package, changed, key)),
    "package": (package, lambda changed: verify.verify_package(changed, bundle, key)),
    "checkpoint": (note, lambda changed: verify.open_checkpoint(changed, "example.org/log", key)),
    "run": (read("run.attested.jsonl"), lambda changed: verify.verify_run(changed, key)),
    "run, in short": (read("old.attested.jsonl"), lambda changed: short.verify(changed, key)),
    "cosigned run": (read("cosigned.attested.jsonl"), lambda changed: verify.verify_witness(changed, key, witness)),
    "export": (read("run.export.tar"), lambda changed: verify.verify_export(io.BytesIO(changed), key)),
    "proof": (read("proof"), inclusion),
    "suite": (read("suite.sigstore.json"), lambda changed: verify.verify_suite(folder / "suite", changed, key)),
    **{path: (data, lambda changed, path=path: suite(changed, path)) for path, data in files.items()},
}
for name, (data, check) in cases.items():
    check(data)
    taken = 0
    bits = (lambda at: [at % 8]) if len(data) > 2000 else (lambda at: range(8))
    # Of an export some: digests are what finds a change in most of it, and the tests in Rust try each byte.
    step = max(1, len(data) // 8000) | 1
    for at in range(0, len(data), step):
        for bit in bits(at):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            try:
                check(bytes(changed))
                taken += 1
            except Exception:
                pass
    print(f"{name}: {taken} taken")
