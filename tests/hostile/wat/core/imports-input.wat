;; roles: grader
;; Wants to know what the operator gave the agent.
(import "lancet:plugin/input@0.1.0" "read" (func $read (param $out i32)))

(func $misbehave (call $read (i32.const 1024)))
