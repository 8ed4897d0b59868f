#!/usr/bin/env python3
"""Verifies what Lancet signs, with Python's `cryptography` and without any of Lancet's code.

    verify.py package FILE KEY           a package, by FILE.sigstore.json beside it
    verify.py suite FOLDER KEY           a suite, by FOLDER.sigstore.json beside it
    verify.py run FILE KEY               a run that was attested, with the verdicts that it shows, and
                                         that they are in the log of its host's store
    verify.py unlogged FILE KEY          the same of a run that is in no log
    verify.py export FILE KEY            a run that was exported: the same, each byte of the rest, and that the
                                         run's record and journals say what is signed; that graders come to the
                                         same again `lancet verify --replay` shows
    verify.py since FILE OLD KEY         the same, and that the log extends that of OLD, an earlier file
    verify.py witness FILE KEY WITNESS   the same, and that the log was cosigned by the key WITNESS
    verify.py checkpoint NOTE ORIGIN KEY the signed head of a log
    verify.py inclusion LEAF PLACE PROOF NOTE ORIGIN KEY
                                         that a file is the leaf at that place, from 0, of the log
                                         with that head; PROOF has hashes in base64, one per line

KEY is the publisher's public key as a PEM file, got by a way that you trust. Ends with 0 if it
holds, and with 1 and the reason if not. Python 3.11 or newer; `pip install cryptography`.
"""
import base64, hashlib, json, pathlib, re, struct, sys, tomllib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

PAYLOAD = "application/vnd.in-toto+json"
# The most bytes of a key's file, a signed note, a bundle, a package, a run, a blob and an export; the most of
# what there are several of: signatures of a note, earlier heads, blobs.
PEM, NOTE, BUNDLE, PACKAGE, RUN, BLOB, EXPORT = 4 << 10, 64 << 10, 16 << 20, 64 << 20, 256 << 20, 512 << 20, 16 << 30
SIGNATURES, HEADS, BLOBS = 100, 1000, 100_000

# The forms of statements, as `shape` takes them apart.
DIGEST, RUN_ID, TASK, TEXT = "sha256:[0-9a-f]{64}", "[0-9]{8}-[0-9]{6}-[0-9a-f]{6}", "[A-Za-z0-9][A-Za-z0-9._-]{0,127}", ".*"
OUTCOME, CODE, U32, U64 = "pass|fail|invalid", "(?=.{1,64}$)[a-z][a-z0-9]*(-[a-z0-9]+)*", range(1 << 32), range(1 << 64)
I64, KIND, PHASE = range(-(1 << 63), 1 << 63), "ic-swe|swe-manager", "solve|grade"
CAPABILITY = "log|random|submission|answer-key|input|workspace|shell|user-tool|tests|artifacts|settings|budget|model|wasi-inert"
SUBJECT = {"name": TEXT, "digest": {"sha256": "[0-9a-f]{64}"}}
LIMITS = {name: U64 for name in ("fuel", "memory-bytes", "table-elements", "instances", "handles", "call-bytes", "calls", "log-bytes", "log-messages", "wall-ms")}
LIMITS |= {name: U32 for name in ("instances", "handles", "calls", "log-messages")} | {"wasi-call-fuel?": range(1, 1 << 64), "counts-written?": (True,)}
JAIL = {"seccomp": (True, False), "landlock-abi": (None, U32), "uid": U32}
EXECUTED = {"plugin": DIGEST, "package?": {"name": TEXT, "version": TEXT}, "grant": [CAPABILITY], "limits": LIMITS, "engine": TEXT, "fuel?": U64, "jail?": JAIL}
CHECK = {"name": TEXT, "passed": (True, False), "detail": TEXT}
VERDICT = {"outcome": OUTCOME, "reason": CODE, "score": range(1001), "checks": [CHECK], "explanation": TEXT}
RECORD = {"task": TASK, "attempt": U32, "kind": KIND, "price": U64, "agent": DIGEST, "grader": DIGEST, "submission": DIGEST, "verdict": VERDICT, "earned": U64, "by_model?": (True,)}
JUDGED = {"run": RUN_ID, "runRecord": DIGEST, "attempts": U32, "task": DIGEST, "setting?": DIGEST, "solve?": EXECUTED, "grade?": EXECUTED, "retakes?": range(1, 1 << 32), "journal": DIGEST, "digest": DIGEST, "record": RECORD}
LISTED = {"task": TASK, "attempt": U32, "outcome": OUTCOME, "digest": DIGEST}
RAN = {"run": RUN_ID, "suite": TEXT, "suiteDigest": DIGEST, "agent": TEXT, "agentDigest": DIGEST, "seed": U64, "control": (True, False), "log?": TEXT, "verdicts": [LISTED]}
RESULT = {"result": "PASSED|FAILED", "configuration": [SUBJECT], "passedTests": [TEXT], "failedTests": [TEXT]}
FORMS = {
    "lancet:statement/plugin/v0.1": (SUBJECT, {"name": TEXT, "version": TEXT}),
    "lancet:statement/suite/v0.1": (SUBJECT | {"digest": {"lancetSuite1": "[0-9a-f]{64}"}}, {"name": TEXT, "tasks": U64}),
    "lancet:statement/run/v0.1": (SUBJECT, RAN),
    "lancet:statement/verdict/v0.1": (SUBJECT, JUDGED),
    "lancet:statement/export/v0.1": (SUBJECT, {"run": RUN_ID, "blobs": [{"digest": DIGEST, "bytes": U64}]}),
    "https://in-toto.io/attestation/test-result/v0.1": (SUBJECT, RESULT),
}

# Those of a run's record.
PLUGIN, GRANT, AMOUNT = {"name": TEXT, "digest": DIGEST}, {"role": "agent|grader", "capabilities": [CAPABILITY]}, {"pass": U64, "earned_cents": U64}
SUITE = {"reported": {"name": TEXT, "digest": DIGEST, "origin?": TEXT, "set?": TEXT, "source_digest?": DIGEST}, "path": TEXT}
BASELINES = {"first": AMOUNT, "last": AMOUNT, "longest": AMOUNT, "random": {"pass": float, "earned_cents": float}, "tasks": U64, "available_cents": U64}
RATES = {"input": U64, "input-cached?": U64, "input-cache-written?": U64, "output": U64}
MODEL = {"name": TEXT, "form": "messages|responses|chat|scripted|recorded", "id": TEXT, "base-url?": TEXT, "key?": ("none", {"env": TEXT}, {"file": TEXT}), "effort?": TEXT}
MODEL |= {"context-tokens?": U64, "answer-tokens": U64, "tools": (True, False), "parameters?": [TEXT], "price?": RATES | {"above?": {"*": ("0|[1-9][0-9]{0,19}", RATES)}, "as-of": TEXT, "source": TEXT}}
MODEL |= {"concurrency": U32, "tries": U32, "idle-seconds": U32, "profile?": TEXT, "script?": DIGEST, "run?": RUN_ID}
BUDGET = {f"{unit}?": U64 for unit in ("asks", "input-tokens", "microdollars", "milliseconds", "output-tokens", "tokens", "tool-calls")}
SPEC = {"suite": SUITE, "agent": PLUGIN, "graders": [PLUGIN], "seed": U64, "attempts": U32, "kind?": (None, KIND), "tasks": [TEXT], "agent-grant": GRANT, "grader-grant": GRANT}
SPEC |= {"agent-limits": LIMITS, "grader-limits": LIMITS, "engine": TEXT, "not-runnable": [[KIND, {"tasks": U64, "available_cents": U64}]], "baselines?": (None, BASELINES)}
SPEC |= {"without-baseline?": U64, "control?": TEXT, "agent-faults?": "invalid|fail", "models?": [MODEL], "budgets?": {"attempt?": BUDGET, "run?": BUDGET}, "settings?": dict}
SPEC |= {"prompt?": DIGEST, "trust?": {"policy?": DIGEST, "keys?": {"*": (DIGEST, TEXT)}}}
DUE = {"task": TASK, "kind": KIND, "price": U64, "task_blob": DIGEST, "key_blob?": (None, DIGEST), "setting_blob?": (None, DIGEST), "grader": PLUGIN, "numbers": [U32]}
RUN_RECORD = {"run": RUN_ID, "created": TEXT, "spec": SPEC, "tasks": [DUE]}

# Those of a journal's events: what plugins ask and are told, what was handed in, and what came of it.
BASE64 = "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"
PART, ANSWER, OCTETS = {"offset": U64, "length": U32}, ({"choice": U32}, {"document": TEXT}, "work-tree|nothing"), ({"text": TEXT}, {"base64": BASE64})
INFRA = "docker-unreachable|docker-too-old|docker-error|image-missing|image-platform|image-digest|work-tree-missing|history-present|setup-failed|not-ready|disk-full"
INFRA += "|resources-exceeded|model-(unreachable|unavailable|unauthorized|quota|unknown|settings|unreadable|differs)"
FAULT = "trap|out-of-fuel|stack-overflow|out-of-memory|too-many-handles|too-many-calls|call-too-large|timeout|instantiation|malformed-result|error|jail-violation|crash|hung"
REFUSED = "too-many-files|too-large|not-a-regular-file|protected-path|bad-path|unreadable"
INFRA, FAULT, CALL_ERROR, REFUSAL = ({"kind": kind, "message": TEXT} for kind in (INFRA, FAULT, "not-found|refused|too-large|unavailable|other", REFUSED))
FILE = {"path": TEXT, "change": ({"written": {"sha256": DIGEST, "bytes": U64, "executable": (True, False)}}, "deleted")}
CAPTURE = ({"taken": {"base": TEXT, "files": [FILE], "overlaid": [TEXT], "diff": DIGEST}}, {"refused": REFUSAL}, {"unavailable": INFRA})
ARTIFACT = {"name": TEXT, "kind": "log|trace|video|screenshot|other", "bytes": U64}
TESTED = {"end": ({"exited": I64}, "timed-out|out-of-memory|disk-limit|not-ready|broken"), "status": (None, I64), "report": ({"malformed": TEXT}, {"too-large": TEXT}, "read|missing")}
TESTED |= {"cases": [{"id": TEXT, "status": "passed|failed|errored|skipped", "detail": TEXT}], "artifacts": [ARTIFACT | {"sha256": DIGEST}]}
TESTED |= {"conclusion": {"outcome": OUTCOME, "reason": CODE, "detail": TEXT}, "wall_ms": U64}
PARAMETER, TOKENS = {"name": TEXT, "value": TEXT}, ("input", "input_cached", "input_cache_written", "output", "output_reasoning")
SETUP = {"model": TEXT, "instructions": TEXT, "tools": [{"name": TEXT, "description": TEXT, "parameters": TEXT}], "effort": TEXT, "answer_tokens": (None, U64), "parameters": [PARAMETER]}
SPENT = {"usage": {f"{tokens}?": U64 for tokens in TOKENS}, "cost?": U64, "estimated?": (True,)}
TRY = {"status?": range(1 << 16), "why": TEXT, "waited_ms": U64, "spent": SPENT}
SAID = ({"text": TEXT}, {"reasoning": TEXT}, {"call": {"id": TEXT, "name": TEXT, "arguments": TEXT}}, {"other": PARAMETER})
ANSWERED = {"parts": [SAID], "stop": "finished|calls|length|context|refused|paused|other", "stop_detail?": TEXT, "spent": SPENT, "tries?": [TRY], "served": TEXT}
ANSWERED |= {"marks?": ["other-model|silently-cut|cap-lowered|shortened|no-usage|from-record"], "asked": DIGEST, "raw": DIGEST, "waited_ms": U64}
UNANSWERED = {"kind": "over-budget|too-long|refused|rejected|other", "message": TEXT, "tries?": [TRY], "waited_ms?": U64, "asked?": DIGEST}
CONVERSATION, NAMED = {"conversation": U32}, {"name": TEXT}
REQUESTS = {name: {} for name in ("random-next", "submission-answer", "answer-key-read", "input-read", "submission-files", "tests-plans", "artifacts-list")}
REQUESTS |= {name: {} for name in ("workspace-apply-input", "user-tool-reproduce", "settings-prompt", "budget-allowances", "model-offers")}
REQUESTS |= {"log-write": {"level": "debug|info|warn|error", "message": TEXT, "fields": [[TEXT, TEXT]], "dropped_bytes?": U64}, "random-below": {"bound": U64}}
REQUESTS |= {"submission-read": {"path": TEXT} | PART, "submission-diff": PART, "tests-run": {"plan": TEXT}, "artifacts-read": NAMED | PART, "workspace-list": {"path": TEXT}}
REQUESTS |= {"workspace-read": {"path": TEXT} | PART, "workspace-search": {"pattern": TEXT, "path": TEXT}, "workspace-write": {"path": TEXT, "contents": OCTETS}}
REQUESTS |= {"workspace-remove": {"path": TEXT}, "workspace-apply-patch": {"patch": TEXT}, "shell-run": {"command": TEXT, "timeout_seconds": U32}, "user-tool-read": NAMED | PART}
REQUESTS |= {"settings-value": NAMED, "budget-left": {"unit": TEXT}, "model-open": {"setup": SETUP}, "model-say": CONVERSATION | {"text": TEXT}}
REQUESTS |= {"model-give": CONVERSATION | {"results": [{"call": TEXT, "text": TEXT, "failed": (True, False)}]}, "model-without": CONVERSATION | {"first": U32, "end": U32}}
REQUESTS |= {"model-ask": CONVERSATION, "model-length": CONVERSATION, "model-tokens": CONVERSATION}
RESPONSE = {"number": U64, "applied": (True, False), "text": TEXT, "answer": ANSWER, "maybe-text": (None, TEXT), "bytes": OCTETS, "files": [FILE]}
RESPONSE |= {"plans": [{"name": TEXT, "required": [TEXT], "sentinels": [TEXT], "pass_exit": I64, "most_runs": U32}], "tested": {"plan": TEXT, "runs": [TESTED]}}
RESPONSE |= {"artifacts": [ARTIFACT], "entries": [{"path": TEXT, "bytes": U64}], "hits": [{"path": TEXT, "line": U32, "text": TEXT}]}
RESPONSE |= {"output": {"exit_status": (None, range(-(1 << 31), 1 << 31)), "stdout": OCTETS, "stderr": OCTETS, "dropped_bytes": U64}}
RESPONSE |= {"observed": {"completed": (True, False), "artifacts": [ARTIFACT]}, "maybe-number": (None, U64), "allowances": [{"unit": TEXT, "limit": U64, "used": U64}]}
RESPONSE |= {"offers": [{"name": TEXT, "id": TEXT, "context_tokens": (None, U64), "answer_tokens": (None, U64), "tools": (True, False)}], "conversation": U32}
RESPONSE |= {"answered": ANSWERED, "unanswered": UNANSWERED, "refused": CALL_ERROR, "unavailable": INFRA}
RESPONSE, END = ("done", *({name: form} for name, form in RESPONSE.items())), ({"answer": ANSWER}, {"gave-up": TEXT}, "timed-out", {"fault": FAULT}, {"unavailable": INFRA})
BEGAN = {"plugin": DIGEST, "grant": [CAPABILITY], "limits": LIMITS, "engine": TEXT, "record?": DIGEST, "jail?": JAIL, "package?": {"name": TEXT, "version": TEXT}}
EVENTS = {"began": {"phase": PHASE} | BEGAN, "asked": {"phase": PHASE, "fuel_used": U64, "request": dict}, "captured": {"capture": CAPTURE}}
EVENTS |= {"called": {"phase": PHASE, "call": {"fuel_used": U64, "request": dict, "response": RESPONSE}}, "solved": {"end": END, "fuel_used": (None, U64), "submission": DIGEST}}
EVENTS |= {"reopened": {"phase": PHASE, "cause": INFRA}, "graded": {"verdict": VERDICT, "fuel_used": (None, U64)}, "decided": {"record": RECORD, "digest": DIGEST}}


class Refused(Exception):
    pass


def need(holds, why):
    if not holds:
        raise Refused(why)


def sha256(data):
    return hashlib.sha256(data).digest()


def read(path, most):
    """The bytes of a file that has no more than so many."""
    with open(path, "rb") as file:
        data = file.read(most + 1)
    need(len(data) <= most, f"{path} has more than {most} bytes")
    return data


def shape(value, form, what):
    """Whether a value has a form: a dict of keys in their order (those with `?` may be missing; by `*` any that fit a pattern), a list of
    one form or of several in their order, a range of numbers, one of several, a type, or a pattern that a text fits."""
    fits, inner = False, []
    if type(form) is dict and type(value) is dict:
        if "*" in form:
            names, one = form["*"]
            form, inner = dict.fromkeys(value, one), [(name, names, what) for name in value]
        rest = list(value)
        for name, one in form.items():
            bare = name.removesuffix("?")
            if rest[:1] == [bare]:
                inner.append((value[rest.pop(0)], one, f"{what}.{bare}"))
            else:
                need(name != bare, f"{what} has no {bare}, or it is in another place")
        fits = not rest
    elif type(form) is list and type(value) is list:
        forms = form * len(value) if len(form) == 1 else form
        fits, inner = len(forms) == len(value), [(*one, what) for one in zip(value, forms)]
    elif type(form) is range:
        fits = type(value) is int and value in form
    elif type(form) is tuple:
        fits = any(value is one or has_form(value, one) for one in form)
    elif type(form) is type:
        fits = type(value) is form
    elif type(form) is str:
        fits = type(value) is str and re.fullmatch(form, value, re.DOTALL)
    need(fits, f"{what} is not of the form that it has to be of")
    for one in inner:
        shape(*one)


def has_form(value, form):
    try:
        shape(value, form, "it")
    except Refused:
        return False
    return True


def unbase64(text):
    """The bytes of the one spelling that they have in base64."""
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 in another spelling")
    return data


def is_weak(point):
    """Whether a point of the curve is of small order: signatures can be made up for a key that is one."""
    prime, eighth = 2**255 - 19, 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
    return (int.from_bytes(point, "little") & 2**255 - 1) % prime in (0, 1, prime - 1, eighth, prime - eighth)


def load_key(path):
    data = read(path, PEM)
    pem = rb"([^\0]*[\r\n])?-----BEGIN PUBLIC KEY-----\r?\n?[A-Za-z0-9+/=]+\r?\n?-----END PUBLIC KEY-----\s*"
    alone = data.count(b"-----BEGIN ") == 1 and re.fullmatch(pem, data)
    need(alone, f"{path} holds no public key, or more than that")
    key = load_pem_public_key(data)
    need(isinstance(key, Ed25519PublicKey), f"{path} holds no Ed25519 key")
    need(not is_weak(key.public_bytes(Encoding.Raw, PublicFormat.Raw)), f"{path} holds a key with which everybody can sign")
    return key


def verify_signature(key, signature, message):
    need(len(signature) == 64 and not is_weak(signature[:32]), "no signature, or one that could be made up")
    key.verify(signature, message)


def open_bundle(text, key):
    """The statement in a bundle, if the key has signed it."""
    need(len(text) <= BUNDLE, "a bundle of more than 16 MiB")
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
    verify_signature(key, unbase64(sig), f"DSSEv1 {len(PAYLOAD)} {PAYLOAD} {len(body)} ".encode() + body)
    statement = json.loads(body)
    need(compact(statement) == body, "its statement is spelled otherwise, or has a key twice")
    subject, predicate = FORMS.get(statement["predicateType"], (None, None))
    need(subject, "it says something that is not known here")
    shape(statement, {"_type": "https://in-toto.io/Statement/v1", "subject": [subject], "predicateType": TEXT, "predicate": predicate}, "its statement")
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
            need(shift <= 35, "a length of more than five bytes")
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
    need([subject["name"] for subject in said["subject"]] == [told["name"], "plugin.toml"], "another name was signed")
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
            # What a killed lancet left of a file it wrote.
            if not entry.name.startswith(".lancet-file-"):
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
    name = tomllib.loads((folder / "suite.toml").read_text())["name"]
    tasks = sum(task.is_dir() for task in (folder / "tasks").iterdir())
    need(said["subject"] == [{"name": name, "digest": {"lancetSuite1": suite_digest(folder)}}], "another suite was signed")
    need(said["predicate"] == {"name": name, "tasks": tasks}, "another name or number of tasks was signed")
    return name


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(value):
    return "sha256:" + sha256(compact(value)).hex()


def open_line(line, *names):
    """The values in a line with proofs, which has one spelling."""
    value = json.loads(line)
    kinds = {"place": int, "size": int, "proof": list, "extends": list, "begin": dict, "end": dict, "leaf": dict}
    is_one = type(value) is dict and list(value) == list(names) and compact(value) + b"\n" == line
    need(is_one and all(type(value[name]) is kinds.get(name, str) for name in names), "no line with proofs, or another spelling")
    return value.values()


def included(log, leaf, place, proof):
    verify_inclusion(compact(leaf), place, [unbase64(one) for one in proof], log["size"], log["root"])


def leaf_of(run, one):
    return {"leaf": "verdict", "run": run["run"], **{name: one[name] for name in ("task", "attempt", "outcome", "digest")}}


def open_log(line, key, run, record):
    """The log that a run is in, by the line that follows the run's."""
    checkpoint, begin, end, extends = open_line(line, "checkpoint", "begin", "end", "extends")
    size, root = open_checkpoint(checkpoint.encode(), run["log"], key)
    need(len(extends) <= HEADS, "too many earlier heads")
    log = {"size": size, "root": root, "note": checkpoint, "extends": {}, "begin": begin["place"], "end": end["place"]}
    for placed in (begin, end):
        place, leaf, proof = open_line(compact(placed) + b"\n", "place", "leaf", "proof")
        included(log, leaf, place, proof)
    need(log["begin"] < log["end"], "the run ends before it begins")
    due = run["verdicts"]
    told = {"run": run["run"], "record": record, "suite": run["suiteDigest"], "agent": run["agentDigest"], "seed": run["seed"]}
    told |= {"tasks": len({one["task"] for one in due}), "due": len(due)}
    need(compact(begin["leaf"]) == compact({"leaf": "run-begin", **told}), "the run began as another one, by its log")
    over = "sha256:" + tree_root([sha256(b"\0" + compact(leaf_of(run, one))) for one in due]).hex()
    told = {"leaf": "run-end", "run": run["run"], "verdicts": len(due), "root": over}
    need(compact(end["leaf"]) == compact(told), "the run ended with other verdicts, by its log: some were left out, put in or changed")
    for earlier in extends:
        old, old_root, proof = open_line(compact(earlier) + b"\n", "size", "root", "proof")
        verify_consistency(old, unbase64(old_root), size, root, [unbase64(one) for one in proof])
        log["extends"][old] = unbase64(old_root)
    return log


def verify_run(text, key):
    """A run, the verdicts that are shown by their places in its list, and its log, if it is in one."""
    need(text.endswith(b"\n"), "no line break at the end")
    first, *rest = [line + b"\n" for line in text.split(b"\n")[:-1]]
    first = open_bundle(first, key)
    need(first["predicateType"] == "lancet:statement/run/v0.1", "line 1 is not about a run")
    run, [subject], shown, log = first["predicate"], first["subject"], {}, None
    named = [(one["task"], one["attempt"]) for one in run["verdicts"]]
    places = {one: place for place, one in enumerate(named)}
    need(len(places) == len(named), "an attempt is listed twice")
    if "log" in run:
        need(rest, "the run is in a log, and no line has its proofs")
        log, rest = open_log(rest[0], key, run, "sha256:" + subject["digest"]["sha256"]), rest[1:]
    while rest:
        said, rest = open_bundle(rest[0], key), rest[1:]
        judged = said["predicate"]
        need(said["predicateType"] == "lancet:statement/verdict/v0.1", "a line is not about a verdict")
        told = judged["record"]
        verdict, digest = told["verdict"], digest_of(told)
        listed = {"task": told["task"], "attempt": told["attempt"], "outcome": verdict["outcome"], "digest": digest}
        place = places.get((told["task"], told["attempt"]), -1)
        is_listed = place >= 0 and run["verdicts"][place] == listed and judged["digest"] == digest
        need(is_listed, "a verdict is not the one in the run's list")
        need(max(shown, default=-1) < place, "a verdict is there twice, or out of order")
        shown[place] = judged
        record = "sha256:" + subject["digest"]["sha256"]
        need((judged["run"], judged["runRecord"], told["agent"]) == (run["run"], record, run["agentDigest"]), "a verdict is of another run")
        submission = [{"name": "submission", "digest": {"sha256": told["submission"].removeprefix("sha256:")}}]
        need(said["subject"] == submission, "a verdict is about something else")
        if verdict["outcome"] != "invalid":
            used = (("run-record", record), ("task", judged["task"]), ("grader", told["grader"]), ("verdict", digest))
            checks = lambda passed: [check["name"] for check in verdict["checks"] if check["passed"] == passed]
            result = {
                "result": {"pass": "PASSED", "fail": "FAILED"}[verdict["outcome"]],
                "configuration": [{"name": name, "digest": {"sha256": of.removeprefix("sha256:")}} for name, of in used],
                "passedTests": checks(True),
                "failedTests": checks(False),
            }
            need(rest, "no test result of a verdict")
            tested, rest = open_bundle(rest[0], key), rest[1:]
            need(tested["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1", "no test result of a verdict")
            need(tested["subject"] == submission and tested["predicate"] == result, "a test result is not that of its verdict")
        if log:
            need(rest, "no place in the log of a verdict")
            (place, proof), rest = open_line(rest[0], "place", "proof"), rest[1:]
            included(log, leaf_of(run, listed), place, proof)
            need(log["begin"] < place < log["end"], "a verdict is not between the run's beginning and its end")
    return run, shown, log


def header(name, size):
    """That of a file in a tar archive, in the one spelling that is taken: mode 0644, no owner, no time."""
    zeros, form = b"0" * 7, "100s8s8s8s12s12s8sc100s8s64s8s8s167s"
    text = struct.pack(form, name, b"0000644", zeros, zeros, b"%011o" % size, b"0" * 11, b" " * 8, b"0", b"", b"ustar\0" + b"00", b"", zeros, zeros, b"")
    return text[:148] + b"%06o\0 " % sum(text) + text[156:]


def take(file, size):
    data = file.read(size)
    need(len(data) == size, "it was cut off")
    return data


def take_entry(file, name, most, size=None):
    """The next file in a tar archive, which has to have that name."""
    head = take(file, 512)
    size = int(head[124:135], 8) if size is None else size
    need(0 <= size <= most, f"{name} has more than {most} bytes")
    need(head == header(name.encode(), size), f"expected {name} here, in the one spelling of its header")
    data = take(file, size)
    need(not any(take(file, -size % 512)), f"{name} is not padded with zeros")
    return data


def run_text(path):
    """What was attested: a file of its own, or the first one in an export, of which `export` verifies the rest."""
    if not path.endswith(".tar"):
        return read(path, RUN)
    with open(path, "rb") as file:
        return take_entry(file, "attested.jsonl", RUN)


def read_record(text, run):
    """What a run is defined by, and the attempts that are due: from its own record, if that says what is signed of it."""
    # Of numbers with a fraction there are several spellings, and others' is not Python's: they are put back as they were.
    fractions, mark = [], 10**40 + 1
    marked = compact(json.loads(text, parse_float=lambda one: fractions.append(one) or mark))
    need(re.sub(str(mark).encode(), lambda _: fractions.pop(0).encode(), marked) == text, "the run's record is spelled otherwise, or has a key twice")
    record = json.loads(text)
    shape(record, RUN_RECORD, "the run's record")
    spec, due = record["spec"], {(task["task"], number): task for task in record["tasks"] for number in task["numbers"]}
    suite, agent, grant = spec["suite"]["reported"], spec["agent"], spec["agent-grant"]
    control = "control" in spec or grant["role"] == "agent" and "answer-key" in grant["capabilities"]
    told = {"run": record["run"], "suite": suite["name"], "suiteDigest": suite["digest"], "agent": agent["name"], "agentDigest": agent["digest"]}
    need(run | told | {"seed": spec["seed"], "control": control} == run, "the run's record is of another run than what is signed")
    need(set(due) == {(one["task"], one["attempt"]) for one in run["verdicts"]}, "the run's record lists other attempts than what is signed")
    return spec, due


def read_journal(text):
    """The events of a journal: each is JSON in one spelling, in a line of its own."""
    need(text.endswith(b"\n"), "a journal has no line break at the end")
    events = []
    for line in text.split(b"\n")[:-1]:
        event = json.loads(line)
        need(compact(event) == line and event["event"] in EVENTS, "a line of a journal is spelled otherwise, or no event that is known here")
        shape(event, {"event": TEXT} | EVENTS[event["event"]], "an event")
        for asks in (event, event.get("call", {})):
            if "request" in asks:
                need(asks["request"]["call"] in REQUESTS, "an event has a call that is not known here")
                shape(asks["request"], {"call": TEXT} | REQUESTS[asks["request"]["call"]], "a call")
        events.append(event)
    return events


def executed(events, phase):
    """How the plugin of a phase was executed, the last time that it began; None if it never did."""
    began = [at for at, event in enumerate(events) if event["event"] == "began" and event["phase"] == phase]
    if not began:
        return None
    fuel = [event["fuel_used"] for event in events[began[-1] :] if event["event"] == {"solve": "solved", "grade": "graded"}[phase]]
    told = events[began[-1]] | {"fuel": next((used for used in fuel if used is not None), None)}
    names = [name.removesuffix("?") for name in EXECUTED]
    return {name: told[name] for name in names if told.get(name) is not None}


def verify_decided(event, spec, listed, attempt, end, submission, graded):
    """Whether what was decided follows from the run's record, and from what was handed in and graded."""
    record, verdict = event["record"], event["record"]["verdict"]
    passes, said = verdict["outcome"] == "pass", [graded]
    due = {"task": listed["task"], "attempt": attempt, "kind": listed["kind"], "price": listed["price"], "agent": spec["agent"]["digest"]}
    due |= {"grader": listed["grader"]["digest"], "submission": submission, "earned": listed["price"] * verdict["score"] // 1000 if passes else 0}
    need(event["digest"] == digest_of(record) and record | due == record, "what was decided is not what record and journal say")
    need("by_model" not in record or "model" in spec["grader-grant"]["capabilities"], "no model may have judged")
    if graded and "gave-up" in end:
        # What an agent said that gave up stands behind the grader's words: of all of it the first 4 KiB.
        text = "; ".join(filter(None, [graded["explanation"], f"the agent gave up: {end['gave-up']}"]))
        said.append(graded | {"explanation": text.encode()[:4096].decode(errors="ignore")})
    need(verdict in said if graded else not passes, "what was decided is not what was graded")


def verify_journal(events, spec, listed, attempt, run_record):
    """Whether the events of a journal can follow each other, and say what the run's record does."""
    stage, answer, end, submission, capture, graded = "queued", "nothing", {}, None, None, None
    paid, asked, tests_passed = False, None, False
    for event in events:
        kind, phase, fits = event["event"], event.get("phase"), stage == event.get("phase")
        if kind == "began":
            role, plugin = ("agent", spec["agent"]) if phase == "solve" else ("grader", listed["grader"])
            grant = [one for one in CAPABILITY.split("|") if one in spec[f"{role}-grant"]["capabilities"]]
            due = {"plugin": plugin["digest"], "grant": grant, "limits": spec[f"{role}-limits"], "record": run_record}
            need(event | due == event, f"the {role} began otherwise than by the run's record")
            fits = stage == ("queued" if phase == "solve" else "solved") or fits and paid
            stage, paid, asked, tests_passed = phase, False, None, False
        elif kind == "asked":
            paid, asked = True, (event["fuel_used"], event["request"])
        elif kind == "called":
            call, response = event["call"], event["call"]["response"]
            fits, asked = fits and asked in (None, (call["fuel_used"], call["request"])), None
            runs = response["tested"]["runs"] if "tested" in response and call["request"]["call"] == "tests-run" else []
            tests_passed |= phase == "grade" and any(run["conclusion"]["outcome"] == "pass" for run in runs)
        elif kind == "captured":
            fits, stage, [(how, capture)] = stage == "solve", "captured", event["capture"].items()
            capture = digest_of([capture["base"], capture["files"]] if how == "taken" else capture)
        elif kind == "solved":
            fits, stage, end, submission = stage in ("solve", "captured"), "solved", event["end"], event["submission"]
            answer = end["answer"] if "answer" in end else "nothing"
            need(submission == (capture or digest_of(answer)), "the submission is another one")
        elif kind == "graded":
            fits, stage, graded = stage == "grade", "graded", event["verdict"]
            cut_off = graded["outcome"] == "invalid" and graded["reason"] in ("grader-timeout", "grader-jail-violation", "grader-crash", "grader-hung")
            need(event["fuel_used"] is not None or cut_off, "a grading names no fuel, and nothing cut the grader off")
            is_seen = answer != "nothing" and (tests_passed or listed["kind"] != "ic-swe")
            need(graded["outcome"] != "pass" or is_seen, "it passes, and nothing was handed in, or no test run did")
        elif kind == "decided":
            fits, stage, outcome = stage in ("solved", "graded"), "decided", event["record"]["verdict"]["outcome"]
            verify_decided(event, spec, listed, attempt, end, submission, graded)
        else:
            fits, stage, graded = stage == "decided" and outcome == "invalid", "queued" if phase == "solve" else "solved", None
            capture = None if phase == "solve" else capture
        need(fits, f"`{kind}` cannot come there in a journal")


def verify_attempt(judged, text, spec, listed):
    """Whether what is signed of a verdict is what the run's record and its journal say: the blobs that it needs."""
    events, blobs = read_journal(text), {judged["task"], judged["journal"]}
    told = {"attempts": spec["attempts"], "task": listed["task_blob"], "setting": listed.get("setting_blob")}
    told |= {"solve": executed(events, "solve"), "grade": executed(events, "grade"), "retakes": sum(event["event"] == "reopened" for event in events)}
    told |= {"record": events[-1].get("record") if events[-1]["event"] == "decided" else None}
    for name, is_so in told.items():
        need(judged.get(name, 0 if name == "retakes" else None) == is_so, f"`{name}` of a verdict is not what the run's record and its journal say")
    verify_journal(events, spec, listed, judged["record"]["attempt"], judged["runRecord"])
    blobs |= {judged[phase]["plugin"] for phase in ("solve", "grade") if phase in judged}
    return blobs.union(*(blobs_of(event) for event in events))


def blobs_of(event):
    """The blobs that an event of a journal names: what was handed in, and what tests left."""
    if event["event"] == "captured" and "taken" in event["capture"]:
        changes = event["capture"]["taken"]
        written = [file["change"]["written"] for file in changes["files"] if "written" in file["change"]]
        return [changes["diff"], *(file["sha256"] for file in written)]
    response = event["call"]["response"] if event["event"] == "called" else ()
    runs = response["tested"]["runs"] if "tested" in response else []
    return [artifact["sha256"] for run in runs for artifact in run["artifacts"]]


def verify_export(file, key):
    """What was attested, a signed list of blobs, and the blobs: each is there, and each is needed."""
    entry = lambda *arguments: take_entry(file, *arguments)
    text = entry("attested.jsonl", RUN)
    run, shown, log = verify_run(text, key)
    record = open_bundle(text.split(b"\n")[0] + b"\n", key)["subject"]
    said = open_bundle(entry("export.sigstore.json", BUNDLE), key)
    need(said["predicateType"] == "lancet:statement/export/v0.1", "no list of blobs")
    need(said["subject"] == record and said["predicate"]["run"] == run["run"], "the list of blobs is of another run")
    sizes = {one["digest"]: one["bytes"] for one in said["predicate"]["blobs"]}
    in_order = list(sizes) == sorted(sizes) and len(sizes) == len(said["predicate"]["blobs"])
    need(in_order and len(sizes) <= BLOBS, "the blobs are not in the order of their digests, each once")
    need(sum(1024 + size for size in sizes.values()) <= EXPORT + 512 * len(sizes), "more than 16 GiB")
    places, whole = {}, "a blob is not in it that a verdict needs, or one is that none does: something was taken out or put in"

    def blob(digest):
        need(digest in places, whole)
        file.seek(places[digest])
        data = take(file, sizes[digest])
        need("sha256:" + sha256(data).hex() == digest, f"the blob {digest} was changed")
        return data

    for digest, size in sizes.items():
        places[digest] = file.tell() + 512
        entry("blobs/" + digest.removeprefix("sha256:"), BLOB, size)
        behind = file.tell()
        blob(digest)
        file.seek(behind)
    need(take(file, 1024) == bytes(1024) and not file.read(1), "there is something behind the end")
    needed = {"sha256:" + record[0]["digest"]["sha256"]}
    spec, due = read_record(blob(*needed), run)
    for judged in shown.values():
        needed |= verify_attempt(judged, blob(judged["journal"]), spec, due[judged["record"]["task"], judged["record"]["attempt"]])
    need(needed == set(sizes), whole)
    return run, shown, log


def verify_since(text, old, key):
    run, shown, log = verify_run(text, key)
    _, _, earlier = verify_run(old, key)
    need(log and earlier and open_origin(log) == open_origin(earlier), "they are not in one log")
    size, root = earlier["size"], earlier["root"]
    need(size <= log["size"], "the log has fewer leaves than it had: some were left out, or it is the older one")
    known = log["extends"] | {log["size"]: log["root"]}
    need(size in known, "no proof that it extends the earlier log: `lancet attest --since` writes one")
    need(known[size] == root, "the log was rewritten: it does not begin with the earlier one")
    return run, shown, log


def open_origin(log):
    return log["note"].split("\n")[0]


def verify_witness(text, key, witness):
    """C2SP's cosignature/v1, by the name `lancet:key/` and the digest of the key."""
    run, shown, log = verify_run(text, key)
    need(log, "the run is in no log")
    spki, raw = [witness.public_bytes(*form) for form in ((Encoding.DER, PublicFormat.SubjectPublicKeyInfo), (Encoding.Raw, PublicFormat.Raw))]
    need(raw != key.public_bytes(Encoding.Raw, PublicFormat.Raw), "that is the host's own key, and no witness")
    name = "lancet:key/" + sha256(spki).hex()
    body, signatures = signed_note(log["note"].encode())
    hint = sha256(name.encode() + b"\n\x04" + raw)[:4]
    found = [data for by, data in signatures if by == name and data[:4] == hint]
    need(found, "the witness has not cosigned it")
    for data in found:
        time = int.from_bytes(data[4:12], "big")
        need(time < 1 << 63, "no time")
        verify_signature(witness, data[12:], f"cosignature/v1\ntime {time}\n{body}".encode())
    return run, shown, log


def signed_note(note):
    """The text of a note, and the names and bytes of its signatures, none of which is verified."""
    need(len(note) <= NOTE, "a note of more than 64 KiB")
    text, lines = note.decode().rsplit("\n\n", 1)
    need(not re.search(r"[\0-\t\v-\x1f\x7f]", note.decode()), "a control character")
    need(lines.endswith("\n"), "no line break at the end")
    signatures = []
    for line in lines[:-1].split("\n"):
        need(line.startswith("\u2014 ") and line.count(" ") == 2, "no line of a signature")
        name, data = line[2:].split(" ")
        signatures.append((name, unbase64(data)))
        # Four bytes tell keys of one name apart; kinds of signatures that are not known here have sizes of their own.
        need(re.fullmatch(r"[^\s+\0-\x1f\x7f-\x9f]+", name) and 4 < len(signatures[-1][1]) <= 4 + 4096, "no line of a signature")
    need(len(signatures) <= SIGNATURES, "too many signatures")
    return text + "\n", signatures


def open_checkpoint(note, origin, key):
    """Size and root of a log, if its key has signed them."""
    is_name = re.fullmatch(r"[^\s+\0-\x1f\x7f-\x9f]+", origin) and len(origin.encode()) <= 255
    need(is_name, f"{origin!r} names no log")
    text, signatures = signed_note(note)
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    hint = sha256(origin.encode() + b"\n\x01" + raw)[:4]
    found = [data for name, data in signatures if name == origin and data[:4] == hint]
    need(found, f"{origin} has not signed it")
    for data in found:
        verify_signature(key, data[4:], text.encode())
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


def tree_root(hashes):
    """RFC 6962, section 2.1."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"")
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\1" + tree_root(hashes[:split]) + tree_root(hashes[split:]))


def verify_consistency(old, old_root, size, root, proof):
    """RFC 9162, section 2.1.4.2; a tree without leaves is the beginning of every tree."""
    need(0 <= old <= size, "the log has fewer leaves than it had")
    if old in (0, size):
        need(not proof and old_root == (sha256(b"") if old == 0 else root), "the earlier log is not the beginning of this one")
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else proof
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    need(path and all(len(one) == 32 for one in path), "the proof is too short, or holds no hashes")
    was = now = path[0]
    for other in path[1:]:
        need(last > 0, "the proof is too long")
        if place & 1 or place == last:
            was, now = sha256(b"\1" + other + was), sha256(b"\1" + other + now)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            now = sha256(b"\1" + now + other)
        place, last = place >> 1, last >> 1
    need(last == 0 and was == old_root and now == root, "the log was rewritten: it does not begin with the earlier one")


def printable(text):
    """A text as it can be shown: what would move the cursor, break a line or turn the direction of writing is spelled out."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def main(command, *arguments):
    beside = lambda path: read(str(pathlib.Path(path).absolute()) + ".sigstore.json", BUNDLE)
    match command, arguments:
        case "package", (path, key):
            return verify_package(read(path, PACKAGE), beside(path), load_key(key))
        case "suite", (path, key):
            return verify_suite(pathlib.Path(path), beside(path), load_key(key))
        case "run" | "unlogged" | "export" | "since" | "witness", (path, *_, last) if len(arguments) == (3 if command in ("since", "witness") else 2):
            match command:
                case "run" | "unlogged":
                    run, shown, log = verify_run(read(path, RUN), load_key(last))
                case "export":
                    with open(path, "rb") as file:
                        run, shown, log = verify_export(file, load_key(last))
                case "since":
                    run, shown, log = verify_since(run_text(path), run_text(arguments[1]), load_key(last))
                case _:
                    run, shown, log = verify_witness(run_text(path), load_key(arguments[1]), load_key(last))
            need(log or command == "unlogged", "the run is in no log, by what its host signed: nothing shows when it began, nor that it was made once")
            outcomes = [run["verdicts"][place]["outcome"] for place in shown]
            told = ", ".join(f"{outcomes.count(one)} {one}" for one in ("pass", "fail", "invalid"))
            control = "; a control, and no result: the agent was told the answers" if run["control"] else ""
            place = f"leaves {log['begin']} to {log['end']} of the {log['size']} of {open_origin(log)}" if log else "in no log"
            return f"{run['run']}: {len(shown)} of {len(run['verdicts'])} verdicts shown: {told}; {place}{control}"
        case "checkpoint", (note, origin, key):
            size, root = open_checkpoint(read(note, NOTE), origin, load_key(key))
            return f"{origin}: {size} leaves under {base64.b64encode(root).decode()}"
        case "inclusion", (leaf, place, proof, note, origin, key):
            verify_inclusion(read(leaf, BUNDLE), int(place), hashes(read(proof, NOTE).decode()), *open_checkpoint(read(note, NOTE), origin, load_key(key)))
            return f"{leaf} is the leaf {place} of {origin}"
    sys.exit(__doc__)


if __name__ == "__main__":
    try:
        print("holds:", printable(main(*sys.argv[1:])) if sys.argv[1:] else sys.exit(__doc__))
    except InvalidSignature:
        sys.exit("refused: that key has not signed it")
    except (Refused, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OSError) as error:
        sys.exit(printable(f"refused: {error or type(error).__name__}"))
