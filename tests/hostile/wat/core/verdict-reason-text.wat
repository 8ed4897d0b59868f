;; roles: grader
;; Gives as its reason a text with control characters.
(data (i32.const 1024) "\1b[2Jpass\0a")
(func $misbehave
  (call $verdict (i32.const 1) (i32.const 1024) (i32.const 9) (i32.const 0))
  (call $forge (i32.const 32)))
