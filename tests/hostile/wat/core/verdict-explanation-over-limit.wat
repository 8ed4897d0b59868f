;; roles: grader
;; Gives a verdict with an explanation of one byte more than 4 KiB.
(func $misbehave
  (call $verdict (i32.const 1) (i32.const 80) (i32.const 8) (i32.const 0))
  (i32.store (i32.const 60) (i32.const 2097152))
  (i32.store (i32.const 64) (i32.const 4097))
  (call $forge (i32.const 32)))
