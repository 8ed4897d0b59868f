;; roles: grader
;; Gives a verdict with a million checks of no name.
(func $misbehave
  (call $verdict (i32.const 1) (i32.const 80) (i32.const 8) (i32.const 0))
  ;; 24 MiB, within the limit.
  (drop (memory.grow (i32.const 384)))
  (i32.store (i32.const 52) (i32.const 2097152))
  (i32.store (i32.const 56) (i32.const 1000000))
  (call $forge (i32.const 32)))
