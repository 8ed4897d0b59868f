;; roles: agent
;; Wants the answers.
(import "lancet:plugin/answer-key@0.1.0" "read" (func $read-key (param $out i32)))

(func $misbehave (call $read-key (i32.const 1024)))
