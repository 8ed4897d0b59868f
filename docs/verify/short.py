#!/usr/bin/env python3
"""Verifies a run that `lancet attest` signed: `short.py FILE KEY`, in as few lines as it takes.

It is for whoever wants to read what they rely on. Every line of FILE is signed by KEY, or proven by a log whose head KEY has
signed; each verdict that is shown is the one in the run's list, with the digest of all that it says; and the log has the run's
beginning, each verdict and its end, over the whole list. So no byte of it can be changed by whoever has not the key, and none be
taken out but verdicts that are withheld. `verify.py` takes packages, suites, exports, earlier heads and witnesses as well, and looks
for what a host that has the key might contradict itself in. Python 3.11 or newer; `pip install cryptography`.
"""
import base64, hashlib, json, sys

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

TYPE = "application/vnd.in-toto+json"


def need(holds, why):
    if not holds:
        raise ValueError(why)


def sha256(data):
    return hashlib.sha256(data).digest()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def unbase64(text):
    need(base64.b64encode(base64.b64decode(text)).decode() == text, "base64 in another spelling")
    return base64.b64decode(text)


def parse(text):
    """JSON in the one spelling that is taken."""
    need(compact(json.loads(text)) == text, "a line in another spelling")
    return json.loads(text)


def signed(line, key, kind):
    """What a line states: in-toto in a DSSE envelope in a sigstore bundle."""
    envelope = parse(line)["dsseEnvelope"]
    payload, sig = envelope["payload"], envelope["signatures"][0]["sig"]
    keyid = base64.b64encode(sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))).decode()
    spelled = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": keyid}, "tlogEntries": []},
        "dsseEnvelope": {"payload": payload, "payloadType": TYPE, "signatures": [{"sig": sig, "keyid": keyid}]},
    }
    need(compact(spelled) == line, "signed by another key, or in another form")
    body = unbase64(payload)
    key.verify(unbase64(sig), f"DSSEv1 {len(TYPE)} {TYPE} {len(body)} ".encode() + body)
    statement = parse(body)
    need(statement["predicateType"] == kind, f"expected {kind} here")
    return statement["subject"], statement["predicate"]


def head(note, origin, key):
    """Size and root of the log, by a signed note."""
    text, lines = note.rsplit("\n\n", 1)
    hint = sha256(f"{origin}\n\1".encode() + key.public_bytes(Encoding.Raw, PublicFormat.Raw))[:4]
    sig = lines.removeprefix(f"\u2014 {origin} ").removesuffix("\n")
    need(lines == f"\u2014 {origin} {sig}\n" and unbase64(sig)[:4] == hint, "no head that this key alone has signed")
    key.verify(unbase64(sig)[4:], (text + "\n").encode())
    name, size, root = text.split("\n")
    need(name == origin, "a head of another log")
    return int(size), unbase64(root)


def prove(log, place, leaf, proof):
    """RFC 9162, section 2.1.3.2: that the log has that leaf at that place."""
    (size, root), found, last = log, sha256(b"\0" + compact(leaf)), log[0] - 1
    need(0 <= place < size, "no such leaf")
    at = place
    for other in map(unbase64, proof):
        need(last > 0 and len(other) == 32, "no such proof")
        if at & 1 or at == last:
            found = sha256(b"\1" + other + found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = sha256(b"\1" + found + other)
        at, last = at >> 1, last >> 1
    need(last == 0 and found == root, "a proof that leads elsewhere")
    return place


def root_of(leaves):
    """RFC 6962, section 2.1."""
    if len(leaves) < 2:
        return sha256(b"\0" + leaves[0]) if leaves else sha256(b"")
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + root_of(leaves[:split]) + root_of(leaves[split:]))


def verify(text, key):
    need(text.endswith(b"\n"), "no line break at the end")
    lines = iter(text[:-1].split(b"\n"))
    [subject], run = signed(next(lines), key, "lancet:statement/run/v0.1")
    record, listed, shown = "sha256:" + subject["digest"]["sha256"], run["verdicts"], []
    leaves = [{"leaf": "verdict", "run": run["run"], **one} for one in listed]
    proofs = parse(next(lines))
    need(list(proofs) == ["checkpoint", "begin", "end", "extends"], "no line with the head of its log")
    log = head(proofs["checkpoint"], run["log"], key)
    begin, end = [prove(log, one["place"], one["leaf"], one["proof"]) for one in (proofs["begin"], proofs["end"])]
    told = {"record": record, "suite": run["suiteDigest"], "agent": run["agentDigest"], "seed": run["seed"]}
    told |= {"tasks": len({one["task"] for one in listed}), "due": len(listed)}
    need(proofs["begin"]["leaf"] == {"leaf": "run-begin", "run": run["run"], **told}, "the run began as another one")
    over = "sha256:" + root_of([compact(leaf) for leaf in leaves]).hex()
    need(proofs["end"]["leaf"] == {"leaf": "run-end", "run": run["run"], "verdicts": len(listed), "root": over}, "it ended with other verdicts")
    need(proofs["extends"] == [], "it shows earlier heads, which `verify.py since` verifies")
    for line in lines:
        subject, judged = signed(line, key, "lancet:statement/verdict/v0.1")
        told, outcome = judged["record"], judged["record"]["verdict"]["outcome"]
        digest = "sha256:" + sha256(compact(told)).hex()
        place = listed.index({"task": told["task"], "attempt": told["attempt"], "outcome": outcome, "digest": digest})
        need((judged["run"], judged["runRecord"], judged["digest"]) == (run["run"], record, digest), "a verdict of another run")
        need(place > max(shown, default=-1), "a verdict twice, or out of order")
        if outcome != "invalid":
            again, result = signed(next(lines), key, "https://in-toto.io/attestation/test-result/v0.1")
            need(again == subject and result["result"] == {"pass": "PASSED", "fail": "FAILED"}[outcome], "a test result of something else")
        proof = parse(next(lines))
        need(list(proof) == ["place", "proof"] and begin < prove(log, proof["place"], leaves[place], proof["proof"]) < end, "it was judged at another time")
        shown.append(place)
    return f"{run['run']}: {len(shown)} of {len(listed)} verdicts shown" + ("; a control, and no result" if run["control"] else "")


if __name__ == "__main__":
    try:
        with open(sys.argv[1], "rb") as file, open(sys.argv[2], "rb") as pem:
            print("holds:", verify(file.read(), load_pem_public_key(pem.read())))
    except Exception as error:
        sys.exit(f"refused: {ascii(str(error) or type(error).__name__)}")
