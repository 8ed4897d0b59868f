;; roles: grader
;; Wants a user of its own.
(import "lancet:plugin/user-tool@0.1.0" "reproduce" (func $reproduce (param $out i32)))

(func $misbehave (call $reproduce (i32.const 1024)))
