;; roles: agent
;; Wants to run the hidden tests while it works.
(import "lancet:plugin/tests@0.1.0" "run" (func $run (param $plan i32) (param $plan-len i32) (param $out i32)))

(func $misbehave (call $run (i32.const 1024) (i32.const 0) (i32.const 1024)))
