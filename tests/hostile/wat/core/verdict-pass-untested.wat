;; roles: grader
;; Passes a patch without having had a single test run.
(func $misbehave
  (call $verdict (i32.const 0) (i32.const 80) (i32.const 8) (i32.const 1000))
  (call $forge (i32.const 32)))
