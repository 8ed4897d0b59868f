;; roles: agent
;; Reads a file whose name is not UTF-8.
(import "lancet:plugin/workspace@0.1.0" "read"
  (func $read (param $path i32) (param $path-len i32) (param $offset i64) (param $length i32) (param $out i32)))
(data (i32.const 1024) "\ff\fe")

(func $misbehave
  (call $read (i32.const 1024) (i32.const 2) (i64.const 0) (i32.const 100) (i32.const 1040)))
