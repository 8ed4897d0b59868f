;; roles: grader
;; Gives a verdict of an outcome that there is not.
(func $misbehave
  (call $verdict (i32.const 7) (i32.const 80) (i32.const 8) (i32.const 0))
  (call $forge (i32.const 32)))
