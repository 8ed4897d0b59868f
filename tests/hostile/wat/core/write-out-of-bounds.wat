;; roles: agent
;; Writes a file whose bytes lie outside of its memory.
(import "lancet:plugin/workspace@0.1.0" "write"
  (func $write (param $path i32) (param $path-len i32) (param $contents i32) (param $contents-len i32) (param $out i32)))
(data (i32.const 1024) "a.txt")

(func $misbehave
  (call $write (i32.const 1024) (i32.const 5) (i32.const -65536) (i32.const 1000000) (i32.const 1040)))
