;; roles: agent
;; contract: next-u64: func() -> u64; => next-u64: func() -> u64; set-seed: func(seed: u64);
;; Wants a function that an interface of the contract does not have.
(import "lancet:plugin/random@0.1.0" "set-seed" (func $set-seed (param i64)))
(func $misbehave (call $set-seed (i64.const 4)))
