;; roles: grader
;; Passes with a score of 65,535 thousandths, to be paid sixty-five times.
(func $misbehave
  (call $verdict (i32.const 0) (i32.const 80) (i32.const 8) (i32.const 65535))
  (call $forge (i32.const 32)))
