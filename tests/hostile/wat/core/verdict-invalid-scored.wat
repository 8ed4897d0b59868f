;; roles: grader
;; Calls the attempt invalid and gives it a score.
(func $misbehave
  (call $verdict (i32.const 2) (i32.const 80) (i32.const 8) (i32.const 500))
  (call $forge (i32.const 32)))
