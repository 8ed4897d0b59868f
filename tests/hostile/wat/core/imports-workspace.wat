;; roles: grader
;; Wants to write into the agent's work tree.
(import "lancet:plugin/workspace@0.1.0" "remove"
  (func $remove (param $path i32) (param $path-len i32) (param $out i32)))

(func $misbehave (call $remove (i32.const 1024) (i32.const 0) (i32.const 1024)))
