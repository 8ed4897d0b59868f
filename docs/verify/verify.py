#!/usr/bin/env python3
"""Verifies what Lancet signs, with Python's `cryptography` and without any of Lancet's code.

    verify.py package FILE KEY           a package, by FILE.sigstore.json beside it
    verify.py suite FOLDER KEY           a suite, by FOLDER.sigstore.json beside it
    verify.py run FILE KEY               a run that was attested, with the verdicts that it shows
    verify.py checkpoint NOTE ORIGIN KEY the signed head of a log
    verify.py inclusion LEAF PLACE PROOF NOTE ORIGIN KEY
                                         that a file is the leaf at that place, from 0, of the log
                                         with that head; PROOF has hashes in base64, one per line

KEY is the publisher's public key as a PEM file, got by a way that you trust. Ends with 0 if it
holds, and with 1 and the reason if not. Python 3.11 or newer; `pip install cryptography`.
"""
import base64, hashlib, json, pathlib, struct, sys, tomllib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

PAYLOAD = "application/vnd.in-toto+json"


class Refused(Exception):
    pass


def need(holds, why):
    if not holds:
        raise Refused(why)


def sha256(data):
    return hashlib.sha256(data).digest()


def unbase64(text):
    """The bytes of the one spelling that they have in base64."""
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 in another spelling")
    return data


def load_key(path):
    key = load_pem_public_key(pathlib.Path(path).read_bytes())
    need(isinstance(key, Ed25519PublicKey), f"{path} holds no Ed25519 key")
    return key


def open_bundle(text, key):
    """The statement in a bundle, if the key has signed it."""
    envelope = json.loads(text)["dsseEnvelope"]
    payload, sig = envelope["payload"], envelope["signatures"][0]["sig"]
    keyid = base64.b64encode(sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))).decode()
    spelled = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": keyid}, "tlogEntries": []},
        "dsseEnvelope": {"payload": payload, "payloadType": PAYLOAD, "signatures": [{"sig": sig, "keyid": keyid}]},
    }
    need(json.dumps(spelled, separators=(",", ":")).encode() + b"\n" == text, "another key, or another spelling")
    body = unbase64(payload)
    key.verify(unbase64(sig), f"DSSEv1 {len(PAYLOAD)} {PAYLOAD} {len(body)} ".encode() + body)
    statement = json.loads(body)
    need(statement["_type"] == "https://in-toto.io/Statement/v1", "no in-toto Statement v1")
    return statement


def manifest(component):
    """The text of `plugin.toml` in a component: its custom section `lancet:plugin`."""
    need(component[:8] == b"\0asm\x0d\0\x01\0", "no component")
    found, at = [], 8

    def number(at):
        value = shift = 0
        while True:
            value |= (component[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if component[at - 1] < 0x80:
                return value, at

    while at < len(component):
        kind = component[at]
        size, start = number(at + 1)
        at = start + size
        if kind == 0:
            length, name = number(start)
            if component[name : name + length] == b"lancet:plugin":
                found.append(component[name + length : at])
    need(at == len(component) and len(found) == 1, "no package: it has not one manifest")
    return found[0]


def verify_package(component, bundle, key):
    said = open_bundle(bundle, key)
    need(said["predicateType"] == "lancet:statement/plugin/v0.1", "it is not about a plugin")
    digests = [subject["digest"] for subject in said["subject"]]
    need(digests[0] == {"sha256": sha256(component).hex()}, "another package was signed")
    text = manifest(component)
    need(digests[1:] == [{"sha256": sha256(text).hex()}], "another manifest was signed")
    told = tomllib.loads(text.decode())
    need(said["predicate"] == {"name": told["name"], "version": told["version"]}, "another name or version was signed")
    return f"{told['name']} {told['version']}"


def suite_files(folder, prefix=""):
    """The files of a suite by path. What is git's at the top level is not looked into."""
    for entry in folder.iterdir():
        path = prefix + entry.name
        if path in (".git", ".gitattributes", ".github", ".gitignore"):
            continue
        need(not entry.is_symlink(), f"{path} is a link, and a suite has none")
        if entry.is_dir():
            yield from suite_files(entry, path + "/")
        else:
            need(entry.is_file(), f"{path} is neither a file nor a folder")
            yield path, entry


def is_digested(path):
    """Whether a file is part of a suite's digest: no notes for readers, locks, or cases."""
    parts = path.split("/")
    beside = path in ("images.lock", "lancet.lock") or path.startswith(("README", "LICENSE", ".images.lock."))
    is_case = len(parts) == 4 and parts[0] == "tasks" and parts[2] == "cases"
    return not is_case and not (beside and len(parts) == 1)


def suite_digest(folder):
    """Over the paths and contents of the files that are part of it, each framed by its length."""
    digest = hashlib.sha256()
    need(folder.is_dir(), "no folder")
    files = {path.encode(): file for path, file in suite_files(folder) if is_digested(path)}
    for path in sorted(files):
        for part in (path, files[path].read_bytes()):
            digest.update(struct.pack("<Q", len(part)) + part)
    return digest.hexdigest()


def verify_suite(folder, bundle, key):
    said = open_bundle(bundle, key)
    need(said["predicateType"] == "lancet:statement/suite/v0.1", "it is not about a suite")
    need([subject["digest"] for subject in said["subject"]] == [{"lancetSuite1": suite_digest(folder)}], "another suite was signed")
    return said["predicate"]["name"]


def verify_run(text, key):
    """A run, and the places in its list of the verdicts that are shown."""
    need(text.endswith(b"\n"), "no line break at the end")
    first, *rest = [open_bundle(line + b"\n", key) for line in text.split(b"\n")[:-1]]
    need(first["predicateType"] == "lancet:statement/run/v0.1", "line 1 is not about a run")
    run, [subject], shown = first["predicate"], first["subject"], []
    named = [(one["task"], one["attempt"]) for one in run["verdicts"]]
    need(len(set(named)) == len(named), "an attempt is listed twice")
    while rest:
        said, judged = rest[0], rest[0]["predicate"]
        need(said["predicateType"] == "lancet:statement/verdict/v0.1", "a line is not about a verdict")
        told = judged["record"]
        spelled = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
        verdict, digest = told["verdict"], "sha256:" + sha256(spelled).hex()
        listed = {"task": told["task"], "attempt": told["attempt"], "outcome": verdict["outcome"], "digest": digest}
        need(listed in run["verdicts"] and judged["digest"] == digest, "a verdict is not the one in the run's list")
        shown.append(run["verdicts"].index(listed))
        need(shown == sorted(set(shown)), "a verdict is there twice, or out of order")
        record = "sha256:" + subject["digest"]["sha256"]
        need((judged["run"], judged["runRecord"], told["agent"]) == (run["run"], record, run["agentDigest"]), "a verdict is of another run")
        submission = [{"name": "submission", "digest": {"sha256": told["submission"].removeprefix("sha256:")}}]
        need(said["subject"] == submission, "a verdict is about something else")
        rest = rest[1:]
        if verdict["outcome"] != "invalid":
            used = (("run-record", record), ("task", judged["task"]), ("grader", told["grader"]), ("verdict", digest))
            checks = lambda passed: [check["name"] for check in verdict["checks"] if check["passed"] == passed]
            result = {
                "result": {"pass": "PASSED", "fail": "FAILED"}[verdict["outcome"]],
                "configuration": [{"name": name, "digest": {"sha256": of.removeprefix("sha256:")}} for name, of in used],
                "passedTests": checks(True),
                "failedTests": checks(False),
            }
            need(rest and rest[0]["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1", "no test result of a verdict")
            need(rest[0]["subject"] == submission and rest[0]["predicate"] == result, "a test result is not that of its verdict")
            rest = rest[1:]
    return run, shown


def open_checkpoint(note, origin, key):
    """Size and root of a log, if its key has signed them."""
    text, lines = note.decode().rsplit("\n\n", 1)
    text += "\n"
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    hint = sha256(origin.encode() + b"\n\x01" + raw)[:4]
    signatures = []
    need(lines.endswith("\n"), "no line break at the end")
    for line in lines[:-1].split("\n"):
        need(line.startswith("\u2014 ") and line.count(" ") == 2, "no line of a signature")
        name, data = line[2:].split(" ")
        data = unbase64(data)
        if name == origin and data[:4] == hint:
            key.verify(data[4:], text.encode())
            signatures.append(name)
    need(signatures, f"{origin} has not signed it")
    first, size, root, end = text.split("\n")
    need(first == origin and end == "" and size.isascii() and size.isdecimal(), "no head of that log")
    need(str(int(size)) == size and int(size) < 1 << 64, "no head of that log")
    root = unbase64(root)
    need(len(root) == 32, "no root")
    return int(size), root


def hashes(text):
    """The hashes of a proof: base64, one per line."""
    need(text.endswith("\n") or not text, "no line break at the end")
    return [unbase64(line) for line in text.split("\n")[:-1]]


def verify_inclusion(leaf, place, proof, size, root):
    """RFC 9162, section 2.1.3.2."""
    need(0 <= place < size, "no such leaf")
    hash, last = sha256(b"\0" + leaf), size - 1
    for other in proof:
        need(last > 0 and len(other) == 32, "the proof is too long, or holds no hashes")
        if place & 1 or place == last:
            hash = sha256(b"\1" + other + hash)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hash = sha256(b"\1" + hash + other)
        place, last = place >> 1, last >> 1
    need(last == 0 and hash == root, "the proof leads elsewhere")


def main(command, *arguments):
    read = lambda path: pathlib.Path(path).read_bytes()
    beside = lambda path: read(str(pathlib.Path(path).absolute()) + ".sigstore.json")
    match command, arguments:
        case "package", (path, key):
            return verify_package(read(path), beside(path), load_key(key))
        case "suite", (path, key):
            return verify_suite(pathlib.Path(path), beside(path), load_key(key))
        case "run", (path, key):
            run, shown = verify_run(read(path), load_key(key))
            outcomes = [run["verdicts"][place]["outcome"] for place in shown]
            told = ", ".join(f"{outcomes.count(one)} {one}" for one in ("pass", "fail", "invalid"))
            control = "; a control, and no result: the agent was told the answers" if run["control"] else ""
            return f"{run['run']}: {len(shown)} of {len(run['verdicts'])} verdicts shown: {told}{control}"
        case "checkpoint", (note, origin, key):
            size, root = open_checkpoint(read(note), origin, load_key(key))
            return f"{origin}: {size} leaves under {base64.b64encode(root).decode()}"
        case "inclusion", (leaf, place, proof, note, origin, key):
            verify_inclusion(read(leaf), int(place), hashes(read(proof).decode()), *open_checkpoint(read(note), origin, load_key(key)))
            return f"{leaf} is the leaf {place} of {origin}"
    sys.exit(__doc__)


if __name__ == "__main__":
    try:
        print("holds:", main(*sys.argv[1:]) if sys.argv[1:] else sys.exit(__doc__))
    except InvalidSignature:
        sys.exit("refused: that key has not signed it")
    except (Refused, ValueError, KeyError, IndexError, TypeError, RecursionError, OSError) as error:
        sys.exit(f"refused: {error or type(error).__name__}")
