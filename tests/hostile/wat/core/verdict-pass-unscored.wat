;; roles: grader
;; Passes with a score of nothing.
(func $misbehave
  (call $verdict (i32.const 0) (i32.const 80) (i32.const 8) (i32.const 0))
  (call $forge (i32.const 32)))
