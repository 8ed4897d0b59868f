;; roles: grader
;; Wants to run commands.
(import "lancet:plugin/shell@0.1.0" "run"
  (func $run (param $command i32) (param $command-len i32) (param $timeout i32) (param $out i32)))

(func $misbehave (call $run (i32.const 1024) (i32.const 0) (i32.const 1) (i32.const 1024)))
