;; roles: agent
;; Wants to see what was handed in, before anything was.
(import "lancet:plugin/submission@0.1.0" "answer" (func $answer (param i32)))
(func $misbehave (call $answer (i32.const 1024)))
