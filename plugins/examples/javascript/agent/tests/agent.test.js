import assert from "node:assert/strict";
import { test } from "node:test";

import { Host, task } from "lancet-sdk/testing";

import { solving } from "../agent.js";

const manifest = new URL("../plugin.toml", import.meta.url);

test("it chooses the proposal with the most different words", () => {
  const host = new Host({ manifest });
  const chosen = host.run(() => solving.solve(task({ proposals: ["a a a a", "a b", "b"] })));
  assert.deepEqual(chosen, { tag: "choice", val: 1 });
  assert.deepEqual(host.run(() => solving.solve(task())), { tag: "nothing" });
  assert.equal(host.logged[0].fields.id, "1");
});

test("it reads no more than a part of what is long", () => {
  const long = `a ${"b ".repeat(3 << 19)}`;
  const chosen = new Host().run(() => solving.solve(task({ proposals: [long, `${long}c`, "a b c"] })));
  assert.deepEqual(chosen, { tag: "choice", val: 2 });
});

test("among equals it draws lots", () => {
  const chosen = new Set();
  for (let seed = 0; seed < 20; seed += 1) {
    chosen.add(new Host({ seed }).run(() => solving.solve(task({ proposals: ["a b", "b a", "a"] }))).val);
  }
  assert.deepEqual([...chosen].sort(), [0, 1]);
});

test("other tasks are not its work", () => {
  assert.throws(() => new Host().run(() => solving.solve(task({ kind: "ic-swe" }))), { tag: "unsupported" });
});
