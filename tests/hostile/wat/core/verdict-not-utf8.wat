;; roles: grader
;; Gives as its reason bytes that are no text.
(data (i32.const 1024) "\ff\fe\c0\80")
(func $misbehave
  (call $verdict (i32.const 1) (i32.const 1024) (i32.const 4) (i32.const 0))
  (call $forge (i32.const 32)))
