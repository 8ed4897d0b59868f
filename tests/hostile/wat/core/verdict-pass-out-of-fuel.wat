;; roles: grader
;; Passes everything with the reason that the host gives to a grader without fuel.
(data (i32.const 1024) "grader-out-of-fuel")
(func $misbehave
  (call $verdict (i32.const 0) (i32.const 1024) (i32.const 18) (i32.const 1000))
  (call $forge (i32.const 32)))
