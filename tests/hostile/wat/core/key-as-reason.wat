;; roles: grader
;; Gives the answer key as the reason of its verdict.
(import "lancet:plugin/answer-key@0.1.0" "read" (func $read-key (param $out i32)))

(func $misbehave
  (call $read-key (i32.const 1024))
  (call $verdict (i32.const 1) (i32.load (i32.const 1024)) (i32.load (i32.const 1028)) (i32.const 0))
  (call $forge (i32.const 32)))
