;; roles: agent
;; Wants to see what the hidden tests left.
(import "lancet:plugin/artifacts@0.1.0" "list" (func $list (param $out i32)))

(func $misbehave (call $list (i32.const 1024)))
