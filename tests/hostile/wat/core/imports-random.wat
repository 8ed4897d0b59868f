;; roles: grader
;; Wants to throw dice.
(import "lancet:plugin/random@0.1.0" "next-u64" (func $next-u64 (result i64)))

(func $misbehave (drop (call $next-u64)))
