;; roles: agent
;; Draws a random number while it starts, before it was asked for anything.
(import "lancet:plugin/random@0.1.0" "next-u64" (func $next-u64 (result i64)))

(func $start (drop (call $next-u64)))
(start $start)
(func $misbehave)
