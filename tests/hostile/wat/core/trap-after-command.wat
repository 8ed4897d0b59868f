;; roles: agent
;; Runs a command and traps.
(import "lancet:plugin/shell@0.1.0" "run"
  (func $run (param $command i32) (param $command-len i32) (param $timeout i32) (param $out i32)))
(data (i32.const 1024) "true")

(func $misbehave
  (call $run (i32.const 1024) (i32.const 4) (i32.const 1) (i32.const 1040))
  unreachable)
