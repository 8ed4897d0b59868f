;; roles: agent
;; Asks for a number below zero.
(import "lancet:plugin/random@0.1.0" "below" (func $below (param i64) (result i64)))
(func $misbehave (drop (call $below (i64.const 0))))
