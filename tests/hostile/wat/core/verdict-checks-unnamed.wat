;; roles: grader
;; Gives a verdict with two checks of no name.
(func $misbehave
  (call $verdict (i32.const 1) (i32.const 80) (i32.const 8) (i32.const 0))
  (i32.store (i32.const 52) (i32.const 1024))
  (i32.store (i32.const 56) (i32.const 2))
  (call $forge (i32.const 32)))
